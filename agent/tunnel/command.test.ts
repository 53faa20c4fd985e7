import { afterEach, expect, test } from "bun:test"
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { requestJson } from "../../platform/outbound.ts"
import { Arrivals } from "./fixtures/Arrivals.ts"
import { agentFiles } from "./fixtures/agentFiles.ts"
import { FakeAuthProxy } from "./fixtures/FakeAuthProxy.ts"
import { FakeRelay } from "./fixtures/FakeRelay.ts"
import type { Half } from "./fixtures/Half.ts"

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Programs of their own start slowly on a machine that is busy. */
const programMillis = 60_000

type Line = Readonly<Record<string, unknown>>

const startProgram = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const main = join(import.meta.dir, "..", "main.ts")
  const child: ChildProcess = spawn(process.execPath, [main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, ...env },
  })
  const lines = new Arrivals<Line>()
  const output: string[] = []
  const text: string[] = []
  child.stdout?.on("data", (chunk) => output.push(String(chunk)))
  const reader = createInterface({ input: child.stderr! }).on("line", (line) => {
    text.push(line)
    lines.push(line.startsWith("{") ? JSON.parse(line) : { text: line })
  })
  const read = new Promise<void>((resolve) => reader.once("close", resolve))
  const exit = new Promise<number | string | null>((resolve) =>
    // The last lines may come after the process has gone.
    child.once("close", (code, signal) => void read.then(() => resolve(code ?? signal))),
  )
  cleanups.push(async () => {
    child.kill("SIGKILL")
    await exit
  })
  const said = (message: string) => lines.until((line) => line.message === message)
  return { child, said, output, text, exit }
}

const world = async () => {
  const [relay, authProxy] = [await FakeRelay.open(), await FakeAuthProxy.open()]
  cleanups.push(
    () => relay.close(),
    () => authProxy.close(),
  )
  const files = await agentFiles(relay.url)
  cleanups.push(() => files.remove())
  return { relay, authProxy, files }
}

test(
  "the program connects, is ready, shows its status and metrics, and ends on SIGTERM with 0 after moving its carriers",
  async () => {
    const { relay, authProxy, files } = await world()
    const agent = startProgram(["tunnel", "--dir", files.dir, "--health-listen", "127.0.0.1:0"], {
      CLUSTERCONNECT_AUTH_PROXY: authProxy.address,
    })
    const { port } = await agent.said("listening")
    const session = await relay.sessions.next()
    await agent.said("control session open")
    const get = (path: string) => requestJson(`http://127.0.0.1:${port}${path}`)
    expect((await get("/livez")).status).toBe(200)
    expect((await get("/readyz")).status).toBe(200)

    const outer = (await relay.dial(session)) as Half
    const inner = await authProxy.carriers.next()
    outer.socket.send(Buffer.from("hello"))
    expect(await inner.messages.next()).toBe("hello")
    expect((await get("/status")).body).toMatchObject({
      role: "tunnel",
      cluster: "edge-1",
      relay: relay.url,
      carriers: 1,
      sessionKey: files.material.document.sessionKeys[0],
      sessions: [{ replica: "relay-0", withPresentCredentials: true }],
    })
    const metrics = (await get("/metrics")).text
    expect(metrics).toContain("clusterconnect_agent_control_sessions 1")
    expect(metrics).toContain('clusterconnect_agent_dials_total{outcome="carrying"} 1')

    const drained = session.messages.until(({ type }) => type === "draining")
    agent.child.kill("SIGTERM")
    await drained
    expect(await Promise.all([outer.closed, inner.closed])).toEqual([4001, 4001])
    expect(await agent.exit).toBe(0)
    expect(agent.output.join("")).toBe("")
    const log = agent.text.join("\n")
    for (const secret of [session.secret, session.hello.signature, "PRIVATE KEY"]) expect(log).not.toContain(secret)
  },
  programMillis,
)

test(
  "without a relay the program lives, is not ready, and still ends on SIGTERM with 0",
  async () => {
    const { relay, authProxy, files } = await world()
    await relay.close()
    const agent = startProgram([
      ...["tunnel", "--dir", files.dir, "--relay", relay.url, "--cluster", "edge-1"],
      ...["--auth-proxy", authProxy.address, "--health-listen", "127.0.0.1:0"],
    ])
    const { port } = await agent.said("listening")
    await agent.said("the relay cannot be reached")
    expect((await requestJson(`http://127.0.0.1:${port}/livez`)).status).toBe(200)
    const ready = await requestJson(`http://127.0.0.1:${port}/readyz`)
    expect(ready.status).toBe(503)
    expect(ready.text).toContain("[-] control-session")
    agent.child.kill("SIGTERM")
    expect(await agent.exit).toBe(0)
  },
  programMillis,
)

test(
  "what is missing is one log line with every flag in it, and exit 1",
  async () => {
    const agent = startProgram(["tunnel"])
    expect(await agent.exit).toBe(1)
    expect(agent.text.length).toBe(1)
    expect(agent.text[0]).toContain("--session-key FILE (or --dir DIR) is missing")
    expect(agent.text[0]).toContain("--auth-proxy HOST:PORT is missing")
  },
  programMillis,
)

test(
  "an unknown flag is a usage error, exit 2",
  async () => {
    expect(await startProgram(["tunnel", "--bogus"]).exit).toBe(2)
  },
  programMillis,
)
