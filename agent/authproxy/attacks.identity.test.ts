import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import {
  type AuthProxyBench,
  causeOf,
  clientAddress,
  request,
  serviceAccountToken,
  startBench,
} from "./testing/AuthProxyBench.ts"

let bench: AuthProxyBench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.stop())
afterEach(() => {
  bench.upstream.heads.length = 0
})

const linesOf = (head: string, name: string) =>
  head
    .split("\r\n")
    .flatMap((line) => (line.toLowerCase().startsWith(`${name.toLowerCase()}:`) ? [line.slice(name.length + 2)] : []))

describe("S1: any Impersonate header is a 403 and the API server sees nothing:", () => {
  test.each([
    "Impersonate-User: system:admin",
    "impersonate-user: system:admin",
    "Impersonate_User: system:admin",
    "Impersonate-Group: system:masters",
    "IMPERSONATE_GROUP: system:masters",
    "Impersonate-Extra-x: y",
    "Impersonate-Uid: 1",
    "Impersonate-User:",
    "Impersonate-User: a\r\nImpersonate-User: b",
  ])("%j", async (line) => {
    const connection = await bench.connect()
    const answer = await connection.ask(request("GET /api", { token: bench.token(), headers: [line] }))
    expect(answer.status).toBe(403)
    expect(causeOf(answer.body)).toBe("ImpersonationRefused")
    expect(answer.body).toContain("spec.impersonation.allowNested")
    expect(bench.upstream.heads).toEqual([])
  })

  test("on an upgrade too", async () => {
    const connection = await bench.connect()
    const headers = ["Connection: Upgrade", "Upgrade: SPDY/3.1", "Impersonate-User: x"]
    const answer = await connection.ask(
      request("POST /api/v1/namespaces/d/pods/p/exec", { token: bench.token(), headers }),
    )
    expect(causeOf(answer.body)).toBe("ImpersonationRefused")
    expect(bench.upstream.heads).toEqual([])
  })

  test("in a trailer it is dropped", async () => {
    const connection = await bench.connect()
    const headers = ["Transfer-Encoding: chunked", "Trailer: Impersonate-User"]
    const body = "2\r\n{}\r\n0\r\nImpersonate-User: system:admin\r\n\r\n"
    await connection.ask(request("POST /api/v1/namespaces", { token: bench.token(), headers, body }))
    const [recorded] = bench.upstream.connections.slice(-1)
    expect(recorded?.received).toContain("oidc:alice")
    expect(recorded?.received).not.toContain("system:admin")
  })
})

test("S2: Connection naming each of our headers removes none of them", async () => {
  const ours = [
    "Impersonate-User",
    "Impersonate-Group",
    "Impersonate-Extra-clusterconnect.dev%2Ftoken-id",
    "Authorization",
    "Audit-Id",
    "X-Forwarded-For",
    "Host",
  ]
  for (const name of ours) {
    const connection = await bench.connect()
    const headers = [`Connection: keep-alive, ${name.toLowerCase()}`]
    const answer = await connection.ask(request("GET /api", { token: bench.token({ groups: ["dev"] }), headers }))
    expect(answer.status).toBe(200)
    const [head = ""] = bench.upstream.heads.splice(0)
    for (const expected of ours)
      expect([name, expected, linesOf(head, expected)]).toEqual([name, expected, [expect.any(String)]])
  }
})

test("S10: the caller's token never reaches the API server, the service account's does", async () => {
  const connection = await bench.connect()
  const token = bench.token()
  await connection.ask(request("GET /api", { token }))
  expect(linesOf(bench.upstream.heads[0] ?? "", "Authorization")).toEqual([`Bearer ${serviceAccountToken}`])
  expect(bench.upstream.heads[0]).not.toContain(token)
})

test("S11: a client's own source headers are dropped; the relay's word is the only one", async () => {
  const connection = await bench.connect()
  const headers = [
    "X-Forwarded-For: 127.0.0.1",
    "X-Real-Ip: 127.0.0.1",
    "Forwarded: for=127.0.0.1",
    "X-Remote-User: admin",
    "X_Forwarded_For: 1.1.1.1",
  ]
  await connection.ask(request("GET /api", { token: bench.token(), headers }))
  const [head = ""] = bench.upstream.heads
  expect(linesOf(head, "X-Forwarded-For")).toEqual([clientAddress])
  for (const name of ["X-Real-Ip", "Forwarded", "X-Remote-User", "X_Forwarded_For"])
    expect(linesOf(head, name)).toEqual([])
})

test("the Audit-Id is ours; the client's is only in our log", async () => {
  const connection = await bench.connect()
  await connection.ask(
    request("GET /api/v1/audited?secret=1", { token: bench.token(), headers: ["Audit-ID: chosen-by-client"] }),
  )
  const [auditId] = linesOf(bench.upstream.heads[0] ?? "", "Audit-Id")
  const line = await bench.auditOf("/api/v1/audited")
  expect(line).toMatchObject({
    auditId,
    clientAuditId: "chosen-by-client",
    username: "oidc:alice",
    issuer: bench.issuer.url,
    jti: "id-1",
    verb: "GET",
    code: 200,
    clientAddress,
    clientAddressAssertedBy: "relay",
    cluster: "edge-1",
  })
  expect(auditId).not.toBe("chosen-by-client")
  expect(JSON.stringify(line)).not.toContain("secret")
})

describe("S3: a token whose name is not usable is a 403 and the API server sees nothing:", () => {
  test.each([
    ["a control character", { sub: "a\nb" }, "UsernameInvalid"],
    ["CRLF and a header", { sub: "a\r\nImpersonate-Group: system:masters" }, "UsernameInvalid"],
    ["NUL", { sub: "a\u0000" }, "UsernameInvalid"],
    ["a trailing blank", { sub: "alice " }, "UsernameInvalid"],
    ["2 KiB", { sub: "x".repeat(2048) }, "UsernameInvalid"],
    ["a blank group", { groups: [" "] }, "GroupInvalid"],
    ["a group with CRLF", { groups: ["a\r\nX: y"] }, "GroupInvalid"],
    ["groups left out", { hasgroups: true }, "GroupsOverage"],
  ])("%s", async (_, claims, cause) => {
    const connection = await bench.connect()
    const answer = await connection.ask(request("GET /api", { token: bench.token(claims) }))
    expect([answer.status, causeOf(answer.body)]).toEqual([403, cause])
    expect(bench.upstream.heads).toEqual([])
  })
})

test("S3: a name in UTF-8 arrives as its bytes", async () => {
  const connection = await bench.connect()
  await connection.ask(request("GET /api", { token: bench.token({ sub: "Zoë 漢", groups: ["größe, ä"] }) }))
  const [head = ""] = bench.upstream.heads
  const utf8 = (text: string | undefined) => Buffer.from(text ?? "", "latin1").toString("utf8")
  expect(utf8(linesOf(head, "Impersonate-User")[0])).toBe("oidc:Zoë 漢")
  expect(linesOf(head, "Impersonate-Group").map(utf8)).toEqual(["oidc:größe, ä"])
})

test("S4: 500 groups with commas arrive as 500 lines in their order", async () => {
  const groups = Array.from({ length: 500 }, (_, index) => `team ${index}, night`)
  const connection = await bench.connect()
  const answer = await connection.ask(request("GET /api", { token: bench.token({ groups }) }))
  expect(answer.status).toBe(200)
  expect(linesOf(bench.upstream.heads[0] ?? "", "Impersonate-Group")).toEqual(groups.map((group) => `oidc:${group}`))
})

describe("a request without a usable credential is a 401 that says why and never quotes it:", () => {
  test.each([
    ["none", [], "TokenMissing"],
    ["Basic", ["Authorization: Basic c2VjcmV0"], "AuthorizationNotBearer"],
    ["no JWT", ["Authorization: Bearer c2VjcmV0"], "TokenMalformed"],
  ])("%s", async (_, headers, cause) => {
    const connection = await bench.connect()
    const answer = await connection.ask(request("GET /api", { headers }))
    expect([answer.status, causeOf(answer.body)]).toEqual([401, cause])
    expect(answer.head).toContain("www-authenticate: Bearer")
    expect(answer.head.toLowerCase()).not.toContain("retry-after")
    expect(answer.body).not.toContain("c2VjcmV0")
    expect(bench.upstream.heads).toEqual([])
  })

  test.each([
    ["another cluster's audience", { aud: "clusterconnect:relay.example.com/edge-2" }, 401, "TokenAudienceRefused"],
    [
      "the relay's audience beside ours",
      { aud: ["clusterconnect:relay.example.com/edge-1", "clusterconnect:relay.example.com"] },
      403,
      "RelayAudienceRefused",
    ],
    ["a time that is over", { exp: 1 }, 401, "TokenExpired"],
    ["another issuer", { iss: "https://evil.example" }, 401, "TokenIssuerUnknown"],
  ])("a token with %s", async (_, claims, status, cause) => {
    const connection = await bench.connect()
    const answer = await connection.ask(request("GET /api", { token: bench.token(claims) }))
    expect([answer.status, causeOf(answer.body)]).toEqual([status, cause])
    expect(bench.upstream.heads).toEqual([])
  })
})

test("a token for any audience of the relay is refused from the moment that the configuration names it", async () => {
  const token = bench.token({ aud: ["clusterconnect:relay.example.com/edge-1", "corp-sso"] })
  const before = await (await bench.connect()).ask(request("GET /api", { token }))
  expect(before.status).toBe(200)
  const served = bench.upstream.heads.length
  const audiences = ["clusterconnect:relay.example.com", "corp-sso"]
  expect(await bench.reconfigure({ "relay.audiences": audiences })).toBe(true)
  for (const audience of audiences) {
    const both = bench.token({ aud: ["clusterconnect:relay.example.com/edge-1", audience] })
    const answer = await (await bench.connect()).ask(request("GET /api", { token: both }))
    expect([answer.status, causeOf(answer.body)]).toEqual([403, "RelayAudienceRefused"])
  }
  const again = await (await bench.connect()).ask(request("GET /api", { token }))
  expect([again.status, causeOf(again.body)]).toEqual([403, "RelayAudienceRefused"])
  expect(bench.upstream.heads).toHaveLength(served)
  expect(await bench.reconfigure({})).toBe(true)
})

test("the relay's word about the caller is not an identity: another subject than the stream's is served as itself", async () => {
  const connection = await bench.connect()
  await connection.ask(request("GET /api", { token: bench.token({ sub: "bob" }) }))
  expect(linesOf(bench.upstream.heads[0] ?? "", "Impersonate-User")).toEqual(["oidc:bob"])
})

test("no token, no Authorization value and no private key is in any log line", () => {
  const log = bench.log.join("\n")
  expect(log).not.toContain(serviceAccountToken)
  expect(log).not.toMatch(/eyJ[\w-]+\.[\w-]+\./)
  expect(log).not.toContain("PRIVATE KEY")
})
