import { afterAll, afterEach, beforeAll, expect, test } from "bun:test"
import { Effect } from "effect"
import {
  type AuthProxyBench,
  causeOf,
  clusterName,
  request,
  serviceAccountToken,
  startBench,
} from "./testing/AuthProxyBench.ts"
import { plainAnswer } from "./testing/RecordingServer.ts"

interface StatusReport {
  readonly configuration: { readonly hash: string; readonly failure?: string }
  readonly servingCertificate: { readonly fingerprint256: string }
}

let bench: AuthProxyBench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.stop())
afterEach(() => {
  bench.upstream.heads.length = 0
  bench.upstream.connections.length = 0
  bench.upstream.answer = (socket) => socket.write(plainAnswer("200 OK", "{}"))
})

const statusOf = async (on: AuthProxyBench) => (await Effect.runPromise(on.authProxy.status)) as StatusReport
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test("readiness needs an issuer's keys once, and a later failure of the issuer does not take it away", async () => {
  const checks = async () => (await Effect.runPromise(bench.authProxy.checks)).map(({ name, ok }) => [name, ok])
  expect(await checks()).toEqual([
    ["issuer-keys", true],
    ["serving-certificate", true],
    ["not-draining", true],
    ["memory", true],
  ])
})

test("status shows what the operator compares, and no secret", async () => {
  const status = await statusOf(bench)
  expect(status).toMatchObject({
    role: "auth-proxy",
    clusterName,
    configuration: { hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    issuers: [{ name: "main", ready: true }],
    impersonation: {
      mode: "Auto",
      profile: "ReadWrite",
      allowNested: false,
      apiServer: { version: "1.37", impersonation: "allowed" },
    },
  })
  expect(JSON.stringify(status)).not.toContain(serviceAccountToken)
})

test("an auth proxy without a service-account token refuses with a name and sends nothing", async () => {
  const poor = await startBench({ "apiServer.tokenFile": "/nonexistent/token" })
  try {
    const connection = await poor.connect()
    const answer = await connection.ask(request("GET /api", { token: poor.token() }))
    expect([answer.status, causeOf(answer.body)]).toEqual([503, "ServiceAccountTokenMissing"])
    expect(poor.upstream.heads).toEqual([])
  } finally {
    await poor.stop()
  }
})

test("draining asks every stream for no new request, turns readiness off, and ends when the last stream has gone", async () => {
  const leaving = await startBench({}, { drainMillis: 30_000 })
  try {
    const connection = await leaving.connect()
    const idle = await leaving.openStream()
    const drained = Effect.runPromise(leaving.authProxy.drain)
    while (!idle.draining) await turn()
    expect((await Effect.runPromise(leaving.authProxy.checks)).find(({ name }) => name === "not-draining")?.ok).toBe(
      false,
    )
    expect((await connection.ask(request("GET /api", { token: leaving.token() }))).status).toBe(200)
    idle.destroy()
    connection.leave()
    await drained
  } finally {
    await leaving.stop()
  }
})

test("what is left after the drain time is reset with the reason", async () => {
  const leaving = await startBench({}, { drainMillis: 1 })
  const stream = await leaving.openStream()
  stream.socket.on("error", () => {})
  await Effect.runPromise(leaving.authProxy.drain)
  await leaving.stop()
  expect((await stream.ended).reason).toBe("auth-proxy-draining")
})
