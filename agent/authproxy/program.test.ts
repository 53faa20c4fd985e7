import { afterAll, beforeAll, expect, test } from "bun:test"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { type AuthProxyBench, startBench } from "./testing/AuthProxyBench.ts"

let bench: AuthProxyBench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.stop())

const start = (...args: readonly string[]) => {
  const child: ChildProcess = spawn(
    process.execPath,
    [join(import.meta.dir, "../main.ts"), "auth-proxy", "--config", bench.file("config.yaml"), ...args],
    { stdio: ["ignore", "pipe", "pipe"] },
  )
  const lines: Record<string, unknown>[] = []
  const stderr: string[] = []
  const waiting = new Set<() => void>()
  createInterface({ input: child.stderr! }).on("line", (text) => {
    stderr.push(text)
    if (text.startsWith("{")) lines.push(JSON.parse(text))
    for (const look of [...waiting]) look()
  })
  let stdout = ""
  child.stdout?.on("data", (chunk) => {
    stdout += String(chunk)
  })
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>
  return {
    child,
    exited,
    stdout: () => stdout,
    lines,
    stderr,
    until: (wanted: (line: Record<string, unknown>) => boolean) =>
      new Promise<Record<string, unknown>>((resolve, reject) => {
        const look = () => {
          const found = lines.find(wanted)
          if (found !== undefined) resolve(found)
        }
        waiting.add(look)
        void exited.then(([code]) => reject(new Error(`ended (${code}): ${JSON.stringify(lines)}`)))
        look()
      }),
  }
}

test("the program says where it listens, serves its health port, and ends with 0 on SIGTERM", async () => {
  const running = start(
    "--dir",
    bench.directory,
    "--listen",
    "127.0.0.1:0",
    "--health-listen",
    "127.0.0.1:0",
    "--drain-timeout",
    "1",
  )
  const health = await running.until((line) => line.message === "listening" && line.listener === "health")
  const carrier = await running.until((line) => line.message === "listening" && line.listener === "carrier")
  expect(carrier.port).toBeGreaterThan(0)
  const get = (path: string) => fetch(`http://127.0.0.1:${health.port}${path}`)
  while ((await get("/readyz")).status !== 200);
  expect((await get("/livez")).status).toBe(200)
  expect(await (await get("/status")).json()).toMatchObject({ role: "auth-proxy", clusterName: "edge-1" })
  expect(await (await get("/metrics")).text()).toContain("clusterconnect_auth_proxy_streams")
  running.child.kill("SIGTERM")
  expect(await running.exited).toEqual([0, null])
  expect(running.stdout()).toBe("")
  expect(running.lines.map((line) => line.message)).toContain("drained")
})

test.each([
  [["--listen", "nowhere"], "--listen nowhere: expected HOST:PORT"],
  [["--drain-timeout", "-1", "--dir", "/tmp"], "--drain-timeout -1: expected 0 to 86400 seconds"],
  [["--serving-cert", "/tmp/x"], "give --dir PATH, or --serving-cert PATH and --serving-key PATH"],
])("the program refuses %j in one line that says why, exit 2", async (args, why) => {
  const running = start(...args)
  expect(await running.exited).toEqual([2, null])
  const command = "clusterconnect-agent auth-proxy"
  expect(running.stderr).toEqual([`${command}: ${why} (see ${command} --help)`])
})

test("the program names the file that it cannot read, exit 1", async () => {
  const running = start("--dir", "/nonexistent")
  expect(await running.exited).toEqual([1, null])
  expect(JSON.stringify(running.lines)).toContain("/nonexistent/serving.crt")
})
