import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { jwkOf, pinOf } from "../../protocol/keys.ts"
import { TestAgent } from "../testing/TestAgent.ts"
import { startTestRelay, type TestRelay } from "../testing/TestRelay.ts"

let relay: TestRelay
beforeEach(async () => {
  relay = await startTestRelay({
    policy: [
      { issuer: "main", claims: { groups: ["users"] }, clusters: ["*"], role: "connect" },
      { issuer: "main", claims: { groups: ["enrollers"] }, clusters: ["edge-*"], role: "enrol" },
      { issuer: "main", claims: { groups: ["edge-admins"] }, clusters: ["edge-*"], role: "admin" },
      { issuer: "main", claims: { groups: ["admins"] }, clusters: ["*"], role: "admin" },
    ],
  })
})
afterEach(() => relay[Symbol.asyncDispose]())
const as = (group: string) => relay.token({ groups: [group], sub: group })
const ask = (group: string, method: string, path: string, body?: unknown) =>
  relay.call(method, `/v1/admin${path}`, { token: as(group), ...(body === undefined ? {} : { body }) })

describe("the admin API", () => {
  test("gives each role its calls and no others", async () => {
    await relay.cluster("edge-1")
    await relay.cluster("prod-1")
    const table: readonly [string, string, string, unknown, number][] = [
      ["users", "POST", "/clusters/edge-1/token", {}, 403],
      ["users", "GET", "/callers", undefined, 403],
      ["enrollers", "POST", "/clusters/edge-2/token", {}, 201],
      ["enrollers", "POST", "/clusters/prod-2/token", {}, 403],
      ["enrollers", "POST", "/clusters/edge-1/token", { replace: true }, 403],
      ["enrollers", "POST", "/clusters/edge-1/revoke", {}, 403],
      ["enrollers", "DELETE", "/clusters/edge-1", undefined, 403],
      ["edge-admins", "POST", "/clusters/edge-1/token", { replace: true }, 201],
      ["edge-admins", "POST", "/clusters/edge-1/revoke", {}, 204],
      ["edge-admins", "POST", "/clusters/edge-1/restore", {}, 204],
      ["edge-admins", "POST", "/clusters/prod-1/revoke", {}, 403],
      ["edge-admins", "POST", "/callers/revoke", { issuer: "i", subject: "s" }, 403],
      ["edge-admins", "GET", "/registrations", undefined, 403],
      ["admins", "POST", "/callers/revoke", { issuer: "i", subject: "s" }, 400],
      ["admins", "POST", "/callers/revoke", { issuer: "i", subject: "s", unconfiguredIssuer: true }, 204],
      ["admins", "DELETE", "/clusters/prod-1", undefined, 204],
      ["admins", "DELETE", "/clusters/prod-1", undefined, 404],
    ]
    for (const [group, method, path, body, status] of table)
      expect([group, method, path, (await ask(group, method, path, body)).status]).toEqual([
        group,
        method,
        path,
        status,
      ])
    expect((await ask("admins", "GET", "/callers")).body.revoked).toMatchObject([{ issuer: "i", subject: "s" }])
    expect(
      (await ask("enrollers", "GET", "/clusters")).body.clusters.map(({ name }: { name: string }) => name),
    ).toEqual(["edge-1"])
  })

  test("lists a key so that its cluster needs no token, and takes it back", async () => {
    const material = await relay.cluster("edge-1", false)
    const { identityKey } = material.document
    expect((await ask("enrollers", "POST", "/clusters/edge-1/keys", { identityKey: jwkOf(identityKey) })).status).toBe(
      204,
    )
    await TestAgent.open(relay.ws, material)
    const second = await relay.cluster("edge-1", false)
    const body = { identityKey: jwkOf(second.document.identityKey) }
    expect((await ask("enrollers", "POST", "/clusters/edge-1/keys", body)).status).toBe(403)
    expect((await ask("edge-admins", "POST", "/clusters/edge-1/keys", body)).status).toBe(204)
    expect(
      (await ask("edge-admins", "DELETE", `/clusters/edge-1/keys/${pinOf(second.document.identityKey)}`)).status,
    ).toBe(204)
    await expect(TestAgent.open(relay.ws, second)).rejects.toThrow("IdentityNotRegistered")
    expect((await ask("edge-admins", "DELETE", "/clusters/edge-1/keys/sha256:no")).cause).toBe("KeyUnknown")
  })

  test("exports what another relay imports, and replaces no identity", async () => {
    const one = await relay.cluster("edge-1")
    const file = (await ask("admins", "GET", "/registrations")).body
    expect(file.clusters).toEqual([
      { name: "edge-1", identityKey: jwkOf(one.document.identityKey), document: one.signedDocument },
    ])
    await using other = await startTestRelay({ policy: [{ issuer: "main", clusters: ["*"], role: "admin" }] })
    const post = (body: unknown) => other.call("POST", "/v1/admin/registrations", { token: other.token(), body })
    expect((await post(file)).body).toEqual({
      ...{ added: ["edge-1"], updated: [], unchanged: [], refused: [] },
      withoutDocument: [],
    })
    expect((await post(file)).body.unchanged).toEqual(["edge-1"])
    await TestAgent.open(other.ws, one)
    const thief = await relay.cluster("edge-1", false)
    const stolen = {
      clusters: [{ name: "edge-1", identityKey: jwkOf(thief.document.identityKey), document: thief.signedDocument }],
    }
    expect((await post(stolen)).body.refused).toMatchObject([{ name: "edge-1" }])
    const mixed = {
      clusters: [{ name: "edge-9", identityKey: jwkOf(thief.document.identityKey), document: one.signedDocument }],
    }
    expect((await post(mixed)).body.refused).toMatchObject([{ name: "edge-9" }])
    expect((await post({ clusters: [], more: 1 })).cause).toBe("BodyMalformed")
  })

  test("makes, lists and deletes tokens without ever showing one twice, and records who did", async () => {
    const made = (await ask("enrollers", "POST", "/clusters/edge-1/token", { expiresInSeconds: 60 })).body
    const { body, text } = await ask("enrollers", "GET", "/tokens")
    expect(body.tokens).toMatchObject([{ id: made.id, cluster: "edge-1", replaces: false }])
    expect(text).not.toContain(made.token)
    expect((await ask("users", "DELETE", `/tokens/${made.id}`)).status).toBe(404)
    expect((await ask("enrollers", "DELETE", `/tokens/${made.id}`)).status).toBe(204)
    const actions = relay.audit.filter(({ event }) => event === "admin")
    expect(actions).toMatchObject([
      {
        action: "token-created",
        actor: { by: "caller", subject: "enrollers", from: "127.0.0.1" },
        about: { cluster: "edge-1" },
      },
      { action: "token-deleted", actor: { subject: "enrollers" } },
    ])
    expect(JSON.stringify(relay.audit)).not.toContain(made.token)
  })

  test("revokes and restores a caller by the name of the issuer as by its URL", async () => {
    const revoked = async () => (await ask("admins", "GET", "/callers")).body.revoked
    expect((await ask("admins", "POST", "/callers/revoke", { issuer: "main", subject: "users" })).status).toBe(204)
    expect(await revoked()).toMatchObject([{ issuer: relay.issuer.url, subject: "users" }])
    expect((await ask("users", "GET", "/callers")).cause).toBe("CallerRevoked")
    expect((await ask("admins", "POST", "/callers/restore", { issuer: "main", subject: "users" })).status).toBe(204)
    expect(await revoked()).toEqual([])
  })

  test("refuses an issuer that is not configured, names those that are, and writes down no change", async () => {
    for (const issuer of ["Main", `${relay.issuer.url}/`]) {
      for (const verb of ["revoke", "restore"]) {
        const answer = await ask("admins", "POST", `/callers/${verb}`, { issuer, subject: "users" })
        expect([answer.status, answer.cause]).toEqual([400, "IssuerNotConfigured"])
        expect(answer.body.message).toContain(`main (${relay.issuer.url})`)
      }
    }
    expect((await ask("admins", "GET", "/callers")).body.revoked).toEqual([])
    expect(relay.audit.filter(({ event }) => event === "admin")).toEqual([])
  })

  test("restores what stands in the list, under whatever issuer", async () => {
    const gone = { issuer: "https://gone.example.com", subject: "s" }
    await ask("admins", "POST", "/callers/revoke", { ...gone, unconfiguredIssuer: true })
    expect((await ask("admins", "POST", "/callers/restore", gone)).status).toBe(204)
    expect((await ask("admins", "GET", "/callers")).body.revoked).toEqual([])
    // As it may stand there since a revocation did not look at the issuer: both are taken out.
    for (const issuer of ["main", relay.issuer.url]) relay.store.callers.revoke(issuer, "users", relay.time.wall())
    expect((await ask("admins", "POST", "/callers/restore", { issuer: "main", subject: "users" })).status).toBe(204)
    expect((await ask("admins", "GET", "/callers")).body.revoked).toEqual([])
  })

  test("refuses a misspelled key in place of ignoring it", async () => {
    expect((await ask("admins", "POST", "/clusters/edge-1/token", { replaces: true })).cause).toBe("BodyMalformed")
  })
})
