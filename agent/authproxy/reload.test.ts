import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { audience, startIssuerServer } from "../../identity/testing/IssuerServer.ts"
import { writeFileAtomic } from "../../platform/files.ts"
import { type AuthProxyBench, causeOf, request, serviceAccountToken, startBench } from "./testing/AuthProxyBench.ts"
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

describe("a changed configuration", () => {
  test("is in force for the next request, and a watch under way goes on", async () => {
    bench.upstream.answer = (socket) =>
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
    const watch = await bench.connect()
    watch.write(request("GET /api/v1/pods?watch=true", { token: bench.token() }))
    await watch.until("first")
    const { hash } = (await statusOf(bench)).configuration
    expect(await bench.reconfigure({ impersonation: { profile: "ReadOnly" } })).toBe(true)
    expect((await statusOf(bench)).configuration.hash).not.toBe(hash)
    const connection = await bench.connect()
    const refused = await connection.ask(request("POST /api/v1/namespaces", { token: bench.token() }))
    expect([refused.status, causeOf(refused.body)]).toEqual([403, "ReadOnlyMethod"])
    bench.upstream.connections[0]?.socket.write("6\r\nsecond\r\n")
    await watch.until("second")
    watch.leave()
  })
  test("that cannot be used leaves the last good one in force and shows why", async () => {
    for (const [changes, words] of [
      [{ impersonation: { profil: "ReadOnly" } }, "profil"],
      [{ clusterName: "edge-2" }, "only in a new process"],
      [{ "relay.url": "https://relay.example.com/path" }, "relay.url"],
      [{ "relay.audiences": ["corp-sso", "clusterconnect:relay.example.com/edge-1"] }, "audience of the relay"],
      [{ "apiServer.url": "http://127.0.0.1" }, "apiServer.url"],
      [
        { "authentication.jwt": [bench.issuer.entry({ userValidationRules: [{ expression: "true" }] })] },
        "userValidationRules",
      ],
    ] as const) {
      expect(await bench.reconfigure(changes)).toBe(false)
      expect((await statusOf(bench)).configuration.failure).toContain(words)
      const connection = await bench.connect()
      const refused = await connection.ask(request("POST /api/v1/namespaces", { token: bench.token() }))
      expect(causeOf(refused.body)).toBe("ReadOnlyMethod")
    }
    expect(await bench.reconfigure({})).toBe(true)
    expect((await statusOf(bench)).configuration.failure).toBeUndefined()
  })
  test("that is taken back is no failure any more", async () => {
    expect(await bench.reconfigure({ clusterName: "edge-2" })).toBe(false)
    expect(await bench.reconfigure({})).toBe(true)
    expect((await statusOf(bench)).configuration.failure).toBeUndefined()
  })
  test("whose limits differ is in force but for the limits: an issuer that it removes is refused, and the log tells once", async () => {
    const other = await startIssuerServer()
    try {
      const first = await bench.connect()
      expect((await first.ask(request("GET /api", { token: bench.token() }))).status).toBe(200)
      const jwt = [other.entry({ name: "other" })]
      for (const maxSessionSeconds of [60, 61]) {
        const authentication = { jwt, maxSessionSeconds }
        expect(await bench.reconfigure({ authentication, limits: { streams: 1 } })).toBe(true)
      }
      expect((await statusOf(bench)).configuration.failure).toBeUndefined()
      await Effect.runPromise(bench.authProxy.policy.current().verifier.awaitReady)
      // A second stream beside the first: the limit of one is not in force.
      const connection = await bench.connect()
      const removed = await connection.ask(request("GET /api", { token: bench.token() }))
      expect([removed.status, causeOf(removed.body)]).toEqual([401, "TokenIssuerUnknown"])
      expect((await connection.ask(request("GET /api", { token: other.token({ aud: audience }) }))).status).toBe(200)
      expect(bench.log.filter((line) => line.includes("limits wait for a new process"))).toHaveLength(1)
      first.leave()
    } finally {
      await bench.reconfigure({})
      await other.stop()
    }
  })
})

test("S12: a renewed service-account token is used for the next request, with no request lost", async () => {
  const connections = await Promise.all([1, 2, 3].map(() => bench.connect()))
  const load = connections.map(async (connection) => {
    const statuses: number[] = []
    while (statuses.length < 40)
      statuses.push((await connection.ask(request("GET /api", { token: bench.token() }))).status)
    return statuses
  })
  await writeFileAtomic(bench.file("token"), "renewed-token")
  for (const statuses of await Promise.all(load)) expect(statuses.filter((status) => status !== 200)).toEqual([])
  const [connection] = connections
  for (;;) {
    await connection!.ask(request("GET /api/renewed", { token: bench.token() }))
    if (bench.upstream.heads.at(-1)?.includes("Bearer renewed-token")) break
  }
  await writeFileAtomic(bench.file("token"), serviceAccountToken)
})

test("a session ends when its longest time is over, and does not look complete", async () => {
  expect(await bench.reconfigure({ "authentication.maxSessionSeconds": 1 })).toBe(true)
  bench.upstream.answer = (socket, head) =>
    socket.write(
      head.startsWith("GET")
        ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"
        : "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n",
    )
  const watch = await bench.connect()
  watch.write(request("GET /api/v1/limited?watch=true", { token: bench.token() }))
  const exec = await bench.connect()
  exec.write(
    request("POST /api/v1/namespaces/d/pods/limited/exec", {
      token: bench.token(),
      headers: ["Connection: Upgrade", "Upgrade: SPDY/3.1"],
    }),
  )
  expect((await exec.answer()).status).toBe(101)
  await Promise.all([watch.ended, exec.ended])
  expect(watch.received).toContain("first")
  expect(watch.received).not.toContain("0\r\n\r\n")
  for (const path of ["/api/v1/limited", "/api/v1/namespaces/d/pods/limited/exec"])
    expect(await bench.auditOf(path)).toMatchObject({ cut: "session-limit" })
  await bench.reconfigure({})
})

test("a defect while a changed configuration is built leaves the last good one in force, and the next change is seen", async () => {
  let defect = false
  const environment = Object.defineProperty({}, "HTTPS_PROXY", {
    get: () => {
      if (defect) throw new Error("a defect of ours")
      return undefined
    },
  })
  const own = await startBench({}, { environment })
  try {
    const { hash } = (await statusOf(own)).configuration
    defect = true
    expect(await own.reconfigure({ impersonation: { profile: "ReadOnly" } })).toBe(false)
    const { configuration } = await statusOf(own)
    expect(configuration.hash).toBe(hash)
    expect(configuration.failure).toContain("a defect of ours")
    defect = false
    expect(await own.reconfigure({ "authentication.maxSessionSeconds": 60 })).toBe(true)
    expect((await statusOf(own)).configuration.failure).toBeUndefined()
  } finally {
    await own.stop()
  }
})
