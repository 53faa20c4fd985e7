import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { type AuthProxyBench, causeOf, request, startBench } from "./testing/AuthProxyBench.ts"
import { plainAnswer } from "./testing/RecordingServer.ts"

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

describe("kubectl --as, where it is allowed,", () => {
  const review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
  const allow = (allowed: (body: string) => boolean) => {
    bench.upstream.answer = (socket, head, connection) => {
      if (!head.startsWith(`POST ${review}`)) return void socket.write(plainAnswer("200 OK", "{}"))
      const answer = () =>
        socket.write(plainAnswer("201 Created", JSON.stringify({ status: { allowed: allowed(connection.received) } })))
      if (connection.received.endsWith("}}}")) answer()
      else socket.once("data", () => queueMicrotask(answer))
    }
  }
  test("asks as the caller for every value, then sends the target with the caller's name beside it", async () => {
    await bench.reconfigure({ impersonation: { allowNested: true } })
    allow(() => true)
    const connection = await bench.connect()
    const headers = [
      "Impersonate-User: oidc:bob",
      "Impersonate-Group: oidc:ops, night",
      "Impersonate-Extra-Scopes: view",
    ]
    const answer = await connection.ask(request("GET /api/nested", { token: bench.token(), headers }))
    expect(answer.status).toBe(200)
    const reviews = bench.upstream.heads.filter((head) => head.startsWith(`POST ${review}`))
    expect(reviews).toHaveLength(3)
    for (const head of reviews)
      expect(head.match(/^Impersonate-.*$/gm)).toEqual([
        "Impersonate-User: oidc:alice",
        "Impersonate-Extra-clusterconnect.dev%2Ftoken-id: id-1",
      ])
    const sent = bench.upstream.heads.find((head) => head.startsWith("GET /api/nested"))
    expect(sent?.match(/^Impersonate-.*$/gm)).toEqual([
      "Impersonate-User: oidc:bob",
      "Impersonate-Group: oidc:ops, night",
      "Impersonate-Extra-scopes: view",
      "Impersonate-Extra-clusterconnect.dev%2Ftoken-id: id-1",
      "Impersonate-Extra-clusterconnect.dev%2Foriginal-user: oidc:alice",
    ])
    expect(await bench.auditOf("/api/nested")).toMatchObject({ username: "oidc:alice", impersonated: "oidc:bob" })
  })
  test("is refused when the API server says no to one value, or nothing useful", async () => {
    await bench.reconfigure({ impersonation: { allowNested: true } })
    const headers = ["Impersonate-User: oidc:bob", "Impersonate-Group: oidc:ops"]
    for (const [answered, cause] of [
      [() => allow((body) => body.lastIndexOf('"groups"') < body.lastIndexOf('"users"')), "NestedForbidden"],
      [
        () => (bench.upstream.answer = (socket) => socket.write(plainAnswer("500 Internal Server Error", "{}"))),
        "NestedCheckFailed",
      ],
    ] as const) {
      answered()
      const connection = await bench.connect()
      const answer = await connection.ask(request("GET /api/nested-refused", { token: bench.token(), headers }))
      expect(causeOf(answer.body)).toBe(cause)
    }
    expect(bench.upstream.heads.filter((head) => head.startsWith("GET"))).toEqual([])
  })
  test.each([
    [["Impersonate-Group: a"], "ImpersonationHeaderRefused"],
    [["Impersonate-User: a", "Impersonate-User: b"], "ImpersonationHeaderRefused"],
    [["Impersonate_User: a"], "ImpersonationHeaderRefused"],
    [["Impersonate-User: a", "Impersonate-Future: b"], "ImpersonationHeaderRefused"],
    [["Impersonate-User: a", "Impersonate-Extra-clusterconnect.dev%2ftoken-id: b"], "ImpersonationHeaderRefused"],
    [["Impersonate-User: a", "Impersonate-Extra-clusterconnect.dev%2Foriginal-user: b"], "ImpersonationHeaderRefused"],
    [["Impersonate-User:"], "ImpersonationHeaderRefused"],
    [["Impersonate-User: system:admin"], "NestedIdentityReserved"],
    [["Impersonate-User: a", "Impersonate-Group: system:masters"], "NestedIdentityReserved"],
  ])("refuses %j before it asks anything", async (headers, cause) => {
    await bench.reconfigure({ impersonation: { allowNested: true } })
    const connection = await bench.connect()
    const answer = await connection.ask(request("GET /api", { token: bench.token(), headers }))
    expect([answer.status, causeOf(answer.body)]).toEqual([403, cause])
    expect(bench.upstream.heads).toEqual([])
    await bench.reconfigure({})
  })
})
