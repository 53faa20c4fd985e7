import { expect, test } from "bun:test"
import * as net from "node:net"
import { Effect } from "effect"
import { type Check, HealthServer, ListenFailed } from "./HealthServer.ts"
import { logLayer } from "./logs.ts"

const quiet = logLayer({ program: "test", write: () => {} })

const served = <A>(
  options: Partial<Parameters<typeof HealthServer.layer>[0]>,
  body: (get: (path: string, init?: RequestInit) => Promise<Response>, port: number) => Promise<A>,
) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const { port } = yield* HealthServer
      return yield* Effect.promise(() => body((path, init) => fetch(`http://127.0.0.1:${port}${path}`, init), port))
    }).pipe(
      Effect.provide(
        HealthServer.layer({ host: "127.0.0.1", port: 0, ready: Effect.succeed([]), ...options } as never),
      ),
      Effect.provide(quiet),
    ) as Effect.Effect<A>,
  )

test("readiness follows its checks and names the one that failed", async () => {
  const checks: Check[] = [
    { name: "relay", ok: true },
    { name: "control session", ok: false, detail: "none" },
  ]
  await served({ ready: Effect.sync(() => checks) }, async (get) => {
    const before = await get("/readyz")
    expect([before.status, await before.text()]).toEqual([503, "[+] relay\n[-] control session: none\nnot ok\n"])
    checks.pop()
    const after = await get("/readyz")
    expect([after.status, await after.text()]).toEqual([200, "[+] relay\nok\n"])
  })
})

test("what is optional is told and keeps nobody away", async () => {
  const ready = Effect.succeed([
    { name: "serving", ok: true },
    { name: "database", ok: false, optional: true, detail: "disk full" },
  ])
  await served({ ready }, async (get) => {
    const answer = await get("/readyz")
    expect([answer.status, await answer.text()]).toEqual([200, "[+] serving\n[!] database: disk full\nok\n"])
  })
})

test("liveness does not depend on readiness", async () => {
  await served({ ready: Effect.succeed([{ name: "relay", ok: false }]) }, async (get) => {
    expect((await get("/livez")).status).toBe(200)
    expect((await get("/readyz")).status).toBe(503)
  })
})

test("metrics and JSON routes are served, and nothing else", async () => {
  await served({ routes: { "/status": Effect.succeed({ hash: "abc" }) } }, async (get) => {
    expect(await (await get("/status?x=1")).json()).toEqual({ hash: "abc" })
    const metrics = await get("/metrics")
    expect(metrics.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8")
    expect(await metrics.text()).toContain("# TYPE process_cpu_seconds_total counter")
    for (const path of ["/", "/constructor", "/__proto__", "/status/"]) expect((await get(path)).status).toBe(404)
    expect((await get("/status", { method: "POST" })).status).toBe(405)
    expect(await (await get("/livez", { method: "HEAD" })).text()).toBe("")
  })
})

test("a check that dies is a 500 that tells nothing to the asker", async () => {
  await served({ ready: Effect.die(new Error("inside knowledge")) }, async (get) => {
    const answer = await get("/readyz")
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toContain("inside knowledge")
  })
})

test("the end of its scope closes the port", async () => {
  const port = await served({}, async (_, port) => port)
  const socket = net.connect(port, "127.0.0.1")
  const code = await new Promise((resolve) => socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code)))
  expect(code).toBe("ECONNREFUSED")
})

test("a port that is taken is a typed failure with the address", async () => {
  await served({}, async (_, port) => {
    const second = HealthServer.layer({ host: "127.0.0.1", port, ready: Effect.succeed([]) })
    const failure = await Effect.runPromise(Effect.flip(Effect.provide(HealthServer, second)))
    expect(failure).toBeInstanceOf(ListenFailed)
    expect(failure.message).toContain(`127.0.0.1:${port}`)
  })
})
