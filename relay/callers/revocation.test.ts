import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { Administration } from "../admin/Administration.ts"
import { openStore } from "../store/Store.ts"
import { TestAgent } from "../testing/TestAgent.ts"
import { everybody, startTestRelay, type TestRelay } from "../testing/TestRelay.ts"
import { closeOf, openCarrier, openUserHalf, refusalOf } from "../testing/TestUser.ts"

let relay: TestRelay
beforeEach(async () => {
  relay = await startTestRelay()
})
afterEach(() => relay[Symbol.asyncDispose]())

/** As a command on the relay's host does: another connection to the same database. */
const elsewhere = (act: (admin: Administration) => void) => {
  const store = openStore(relay.database)
  try {
    act(new Administration(store, relay.time.wall, { by: "command", user: "root" }))
  } finally {
    store.close()
  }
}

describe("revocation (S17)", () => {
  test("of a caller by a command cuts that caller's carriers at the next poll and nobody else's; restored, they come back", async () => {
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    const alice = await openCarrier(relay, agent)
    const bob = await openCarrier(relay, agent, { token: relay.token({ sub: "bob" }) })
    alice.agentHalf.resume()
    const ended = closeOf(alice.user)
    elsewhere((admin) => admin.revokeCaller(relay.issuer.url, "alice"))
    relay.relay.poll()
    expect(await ended).toEqual({ code: 4003, reason: "caller-revoked" })
    expect(bob.user.readyState).toBe(bob.user.OPEN)
    expect(await refusalOf(openUserHalf(relay))).toMatchObject({ code: 403, cause: "CallerRevoked" })
    expect(relay.audit).toContainEqual(expect.objectContaining({ event: "admin", action: "caller-revoked" }))
    elsewhere((admin) => admin.restoreCaller(relay.issuer.url, "alice"))
    relay.relay.poll()
    await openCarrier(relay, agent)
  })

  test("of a cluster cuts its control sessions and carriers, and it is admitted again only when restored", async () => {
    const material = await relay.cluster("edge-1")
    const agent = await TestAgent.open(relay.ws, material)
    const { user, agentHalf } = await openCarrier(relay, agent)
    agentHalf.resume()
    const ended = closeOf(user)
    elsewhere((admin) => admin.revokeCluster("edge-1", true))
    relay.relay.poll()
    expect(await ended).toEqual({ code: 4003, reason: "cluster-revoked" })
    expect(await agent.closed).toEqual({ code: 4003, reason: "cluster-revoked" })
    await expect(TestAgent.open(relay.ws, material)).rejects.toThrow("ClusterRevoked")
    elsewhere((admin) => admin.restoreCluster("edge-1"))
    await TestAgent.open(relay.ws, material)
  })

  test("by a new policy reaches live carriers and openings under way", async () => {
    const agent = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    const { user, agentHalf } = await openCarrier(relay, agent)
    agentHalf.resume()
    const ended = closeOf(user)
    const waiting = refusalOf(openUserHalf(relay))
    await agent.dial()
    relay.configure({ policy: [{ ...everybody, claims: { groups: ["ops"] } }] })
    expect(await ended).toEqual({ code: 4003, reason: "access-revoked" })
    expect(await waiting).toMatchObject({ code: 403, cause: "CarrierRevoked" })
    await openCarrier(relay, agent, { token: relay.token({ groups: ["dev", "ops"] }) })
  })
})

describe("a caller", () => {
  test("without a token, with a foreign audience, an expired one, or without any policy is refused", async () => {
    await relay.cluster("edge-1")
    const cause = async (token?: string) =>
      (await relay.call("GET", "/v1/clusters", token === undefined ? {} : { token })).cause
    expect(await cause()).toBe("TokenMissing")
    expect(await cause(relay.token({ aud: "clusterconnect:relay.example.com/edge-1" }))).toBe("TokenAudienceRefused")
    expect(await cause(relay.token({ iat: 1, exp: 2 }))).toBe("TokenExpired")
    relay.configure({ policy: [] })
    expect(await cause(relay.token())).toBe("CallerUnknown")
  })

  test("sees the clusters that the policy gives, and their documents", async () => {
    const material = await relay.cluster("edge-1")
    await relay.cluster("prod-1")
    await TestAgent.open(relay.ws, material)
    relay.configure({ policy: [{ ...everybody, clusters: ["edge-*"] }] })
    const token = relay.token()
    expect((await relay.call("GET", "/v1/clusters", { token })).body).toEqual({
      clusters: [{ clusterName: "edge-1", agentSessions: 1 }],
    })
    expect((await relay.call("GET", "/v1/clusters/edge-1", { token })).body).toEqual({
      clusterName: "edge-1",
      document: material.signedDocument,
      agentSessions: 1,
    })
    const forbidden = await relay.call("GET", "/v1/clusters/prod-1", { token })
    const unknown = await relay.call("GET", "/v1/clusters/nowhere", { token })
    expect([forbidden.status, forbidden.text]).toEqual([unknown.status, unknown.text])
    expect(forbidden.cause).toBe("ClusterRefused")
  })

  test("of a cluster that is registered without a document is told to wait for its agent", async () => {
    const { document } = await relay.cluster("edge-1", false)
    relay.configure({ clusters: [{ name: "edge-1", identityKey: document.identityKey }] })
    expect(await relay.call("GET", "/v1/clusters/edge-1", { token: relay.token() })).toMatchObject({
      status: 503,
      cause: "NoDocument",
    })
  })
})
