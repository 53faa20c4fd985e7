import { describe, expect, test } from "bun:test"
import { originalUserExtra } from "../../../identity/impersonationRoles.ts"
import { makeLog } from "../../../platform/logs.ts"
import { Account } from "./Account.ts"
import type { Incoming } from "./Incoming.ts"

const jwt = `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.${Buffer.from('{"sub":"x"}').toString("base64url")}.c2lnbmF0dXJl`
const named = (username: string) => ({ username, groups: [], uid: undefined, extra: {} })

/** The audit line of a request; with a caller it is one whose target was read and found unambiguous. */
const lineOf = (
  about: Partial<Incoming>,
  {
    username,
    tokenId = "id-1",
    as,
  }: { readonly username?: string; readonly tokenId?: string; readonly as?: string } = {},
) => {
  const lines: string[] = []
  const log = makeLog({ program: "auth proxy", level: "error", write: (line) => void lines.push(line) })
  const incoming = { method: "GET", target: "/api", httpVersion: "1.1", rawHeaders: [], upgrade: false, ...about }
  const account = new Account(incoming, { cluster: "edge-1", clientAddress: "192.0.2.1" }, log)
  if (username !== undefined) {
    const token = { issuer: "https://i", issuerName: "i", subject: "s", tokenId, claims: {}, expiresAt: 0 }
    account.verified(token as never)
    account.identified(named(username))
    account.sentAs(as === undefined ? named(username) : { ...named(as), extra: { [originalUserExtra]: [username] } })
  }
  account.settle()
  expect(lines).toHaveLength(1)
  return { text: lines[0] ?? "", line: JSON.parse(lines[0] ?? "") }
}

describe("an audit line", () => {
  test.each([
    "https://issuer.example.com#alice@corp.com",
    "gh:repo:org/deploy-token:ref:refs/heads/main",
    "oidc:Basic administrators",
  ])("names the user %s in full, at whatever level the program logs", (username) => {
    const { line } = lineOf({}, { username, as: `${username}2`, tokenId: "token:0123456789" })
    expect(line).toMatchObject({ level: "info", message: "audit", program: "auth proxy", username })
    expect(line).toMatchObject({ impersonated: `${username}2`, jti: "token:0123456789" })
  })

  test.each([
    "/api/v1/namespaces/a/secrets/token:0123456789",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/secret=reader01",
  ])("names the object %s in full", (target) =>
    expect(lineOf({ target: `${target}?x=1` }, { username: "alice" }).line.path).toBe(target),
  )

  test.each([
    ["a query", `/api/v1/pods?access_token=${jwt}`],
    ["the query of a proxied program", `/api/v1/namespaces/a/services/b/proxy/c?access_token=${jwt}`],
    ["the path of a proxied program", `/api/v1/namespaces/a/services/b/proxy/c/${jwt}`],
  ])("of a request that was sent holds no token from %s", (_, target) => {
    const { text, line } = lineOf({ target }, { username: "alice" })
    expect(text).not.toContain(jwt.split(".")[1] ?? "")
    expect(line.path).toStartWith("/api/v1/")
  })

  test("holds no token from headers, as a bearer subprotocol", () => {
    const protocols = `base64url.bearer.authorization.k8s.io.${Buffer.from(jwt).toString("base64url")}`
    const rawHeaders = ["Authorization", `Bearer ${jwt}`, "Sec-WebSocket-Protocol", protocols]
    const { text } = lineOf({ rawHeaders, upgrade: true }, { username: "alice" })
    expect(text).not.toContain(jwt)
    expect(text).not.toContain(protocols)
  })

  test.each([
    ["a fragment", { target: `/api#access_token=${jwt}` }, jwt],
    ["a user in the target", { target: "http://alice:hunter2hunter2@host/api" }, "hunter2"],
    ["the method", { method: `Bearer ${jwt}` }, jwt],
    ["the client's audit id", { rawHeaders: ["Audit-ID", `Bearer ${jwt}`] }, jwt],
    ["a token that is cut off", { target: `/${"x".repeat(495)}/${jwt}` }, jwt.slice(0, 14)],
  ])("of a request that nobody was admitted with holds no credential from %s", (_, about, secret) => {
    expect(lineOf(about).text).not.toContain(secret)
  })

  test("holds no credential from the audit id that an admitted client chose", () => {
    const rawHeaders = ["Audit-ID", `Bearer ${jwt}`]
    expect(lineOf({ rawHeaders }, { username: "alice" }).text).not.toContain(jwt)
  })
})
