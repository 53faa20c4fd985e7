/** What one caller with many slow readers does to the others, on the real programs, with a limit of memory that the kernel enforces. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { once } from "node:events"
import https from "node:https"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { startGround, startHere } from "../bench/path/ground.ts"
import { small, type Target } from "../bench/path/Target.ts"
import { startTunnel, type TunnelPath } from "../bench/path/tunnelPath.ts"
import { memoryGroup, whyNoMemoryGroup } from "./memoryGroup.ts"

/** Beyond what the auth proxy had before it came under the limit. 200 slow readers would take more than 1 GiB. */
const limitBytes = 500 * 2 ** 20
const readers = 200
/** What the readers have taken when the test ends: long after the first shortage. */
const takenBytes = 600 * 2 ** 20

const whyNot = whyNoMemoryGroup()
if (whyNot !== undefined) console.error(`limits: skipped, ${whyNot}`)

let stack: AsyncDisposableStack | undefined
let tunnel: TunnelPath
beforeAll(async () => {
  if (whyNot !== undefined) return
  stack = new AsyncDisposableStack()
  const group = memoryGroup(limitBytes)
  stack.defer(() => group.remove())
  tunnel = await startTunnel(stack, await startGround(stack, await startHere(stack)))
  group.take(tunnel.programs.authProxy.pid)
}, 120_000)
afterAll(() => stack?.disposeAsync(), 60_000)

const ask = ({ host, port, ca, authorization }: Target) =>
  new Promise<{ readonly status: number | undefined; readonly body: string }>((resolve, reject) => {
    const headers = { authorization: authorization ?? "" }
    const request = https.request({ host, port, ca, path: small, headers, agent: false, rejectUnauthorized: true })
    request.on("error", reject)
    request.on("response", (response) => {
      const chunks: Buffer[] = []
      response.on("error", reject).on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("end", () => resolve({ status: response.statusCode, body: String(Buffer.concat(chunks)) }))
    })
    request.end()
  })

test.skipIf(whyNot !== undefined)(
  "one caller's 200 slow readers do not make the kernel end the auth proxy, and it goes on serving others",
  async () => {
    const { authProxy } = tunnel.programs
    const other = await tunnel.startProxy()
    const script = join(import.meta.dir, "../bench/load/slowReaders.ts")
    const load = spawn(process.execPath, [script, JSON.stringify({ target: tunnel.target, count: readers })], {
      stdio: ["pipe", "pipe", "inherit"],
    })
    let taken = 0
    createInterface({ input: load.stdout }).on("line", (line) => {
      taken = JSON.parse(line).bytes
    })
    const ended = once(load, "exit")
    try {
      await authProxy.until("a shortage", ({ message }) =>
        String(message).startsWith("memory is short") ? true : undefined,
      )
      // Refused before it was sent, by name, is all that may happen to them while memory is full.
      let answered = 0
      let refused = 0
      while (taken < takenBytes || answered === 0) {
        const { status, body } = await ask(other.target)
        if (status === 503) {
          expect(body).toContain("MemoryShort")
          refused += 1
        } else {
          expect(status).toBe(200)
          answered += 1
        }
      }
      const lines = authProxy.log.map((text) => JSON.parse(text) as Record<string, unknown>)
      const losers = lines.flatMap((line) => (line.cut === "memory-short" ? [line.username] : []))
      console.error(
        `limits: ${losers.length} of ${readers} slow readers were ended, ${answered} other requests answered, ${refused} refused`,
      )
      expect(answered).toBeGreaterThan(refused)
      expect(losers.filter((username) => username !== "oidc:user-1")).toEqual([])
    } finally {
      load.stdin.end()
      await ended
    }
  },
  180_000,
)
