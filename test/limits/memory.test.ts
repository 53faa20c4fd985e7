/** What one caller with many slow readers does to the others, on the real programs, with a limit of memory that the kernel enforces. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { once } from "node:events"
import https from "node:https"
import { join } from "node:path"
import { small, type Target } from "../bench/path/Target.ts"
import { startGround, startHere, startTunnel, type TunnelPath } from "../bench/path/tunnelPath.ts"
import { memoryGroup } from "./memoryGroup.ts"

/** Beyond what the auth proxy had before it came under the limit. 200 slow readers would take more than 1 GiB. */
const limitBytes = 400 * 2 ** 20
const readers = 200
/** Requests of somebody else meanwhile. */
const others = 15

let stack: AsyncDisposableStack
let tunnel: TunnelPath
beforeAll(async () => {
  stack = new AsyncDisposableStack()
  const group = memoryGroup(limitBytes)
  stack.defer(() => group.remove())
  tunnel = await startTunnel(stack, await startGround(stack, await startHere(stack)))
  group.take(tunnel.programs.authProxy.pid)
}, 120_000)
afterAll(() => stack.disposeAsync(), 60_000)

const statusOf = ({ host, port, ca, authorization }: Target) =>
  new Promise<number | undefined>((resolve, reject) => {
    const headers = { authorization: authorization ?? "" }
    const request = https.request({ host, port, ca, path: small, headers, agent: false, rejectUnauthorized: true })
    request.on("error", reject)
    request.on("response", (response) => response.resume().on("end", () => resolve(response.statusCode)))
    request.end()
  })

test("one caller's 200 slow readers do not make the kernel end the auth proxy, and nobody else notices them", async () => {
  const { authProxy } = tunnel.programs
  const other = await tunnel.startProxy()
  const script = join(import.meta.dir, "../bench/load/slowReaders.ts")
  const load = spawn(process.execPath, [script, JSON.stringify({ target: tunnel.target, count: readers })], {
    stdio: ["pipe", "ignore", "inherit"],
  })
  const ended = once(load, "exit")
  try {
    await authProxy.until("a shortage", ({ message }) =>
      String(message).startsWith("memory is short") ? true : undefined,
    )
    const statuses = new Set<number | undefined>()
    for (let asked = 0; asked < others; asked += 1) statuses.add(await statusOf(other.target))
    expect([...statuses]).toEqual([200])
    const lines = authProxy.log.map((text) => JSON.parse(text) as Record<string, unknown>)
    const losers = lines.flatMap((line) => (line.cut === "memory-short" ? [line.username] : []))
    expect(losers.filter((username) => username !== "oidc:user-1")).toEqual([])
  } finally {
    load.stdin.end()
    await ended
  }
}, 180_000)
