import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { signDocument } from "../../protocol/document.ts"
import { joinProof, operatorSignature } from "../../protocol/enrolment.ts"
import { jwkOf, newKey, spkiOf } from "../../protocol/keys.ts"
import type { ClusterMaterial } from "../../protocol/material.ts"
import { nonceHeader, path, signatureHeader } from "../../protocol/names.ts"
import { Administration } from "../admin/Administration.ts"
import { TestAgent } from "../testing/TestAgent.ts"
import { publicUrl, startTestRelay, type TestRelay } from "../testing/TestRelay.ts"

let relay: TestRelay
let admin: Administration
beforeEach(async () => {
  relay = await startTestRelay({ limits: { joinFailuresPerAddress: 100 } })
  admin = new Administration(relay.store, relay.time.wall, { by: "command", user: "test" })
})
afterEach(() => relay[Symbol.asyncDispose]())

const joinBody = (material: ClusterMaterial, token: string, changes: object = {}) => {
  const cluster = material.document.clusterName
  return {
    cluster,
    token,
    document: material.signedDocument,
    proof: joinProof(material.identityKey, { relayUrl: publicUrl, cluster, token }),
    ...changes,
  }
}
const join = (material: ClusterMaterial, token: string, changes: object = {}) =>
  relay.call("POST", path.join, { body: joinBody(material, token, changes) })

describe("a join token", () => {
  test("used by 50 different keys at once gives one success, and that key again succeeds (S15)", async () => {
    const { token } = admin.createToken("edge-1", {})
    const base = await relay.cluster("edge-1", false)
    const rivals = Array.from({ length: 50 }, (): ClusterMaterial => {
      const identityKey = newKey()
      const document = { ...base.document, identityKey: spkiOf(identityKey) }
      return { ...base, identityKey, document, signedDocument: signDocument(document, identityKey) }
    })
    const answers = await Promise.all(rivals.map((rival) => join(rival, token)))
    const winners = answers.flatMap((answer, index) => (answer.status === 200 ? [rivals[index]!] : []))
    expect(winners).toHaveLength(1)
    expect(new Set(answers.filter(({ status }) => status !== 200).map(({ cause }) => cause))).toEqual(
      new Set(["JoinTokenSpent"]),
    )
    expect(relay.store.clusters.find("edge-1")?.identityKey).toBe(winners[0]!.document.identityKey)
    expect((await join(winners[0]!, token)).body).toEqual({ cluster: "edge-1", outcome: "registered" })
    await TestAgent.open(relay.ws, winners[0]!)
  })

  test("is refused when it is unknown, expired, for another cluster, or the proof is for another token", async () => {
    const material = await relay.cluster("edge-1", false)
    expect((await join(material, "x".repeat(43))).cause).toBe("JoinTokenUnknown")
    const other = admin.createToken("edge-2", {}).token
    expect((await join(material, other)).cause).toBe("JoinTokenForOtherCluster")
    const { token } = admin.createToken("edge-1", { seconds: 60 })
    expect((await join(material, token, { proof: joinBody(material, other).proof })).cause).toBe("JoinProofWrong")
    relay.time.advance(60_000)
    expect((await join(material, token)).cause).toBe("JoinTokenExpired")
    expect(relay.store.clusters.find("edge-1")).toBeUndefined()
  })

  test("replaces an identity only when it was made for that", async () => {
    const old = await TestAgent.open(relay.ws, await relay.cluster("edge-1"))
    const rebuilt = await relay.cluster("edge-1", false)
    expect((await join(rebuilt, admin.createToken("edge-1", {}).token)).cause).toBe("ClusterHasIdentity")
    expect((await join(rebuilt, admin.createToken("edge-1", { replace: true }).token)).body.outcome).toBe("joined")
    expect(relay.store.clusters.find("edge-1")?.identityKey).toBe(rebuilt.document.identityKey)
    expect((await old.closed).reason).toBe("session-key-replaced")
  })

  test("without --replace does not take a cluster that only the configuration registers", async () => {
    const owner = await relay.cluster("edge-1", false)
    const entry = { name: "edge-1", identityKey: jwkOf(owner.document.identityKey), document: owner.signedDocument }
    relay.configure({ clusters: [entry, { name: "edge-2", identityKey: jwkOf(owner.document.identityKey) }] })
    for (const name of ["edge-1", "edge-2"]) {
      const thief = await relay.cluster(name, false)
      const answer = await join(thief, admin.createToken(name, {}).token)
      expect([name, answer.cause]).toEqual([name, "ClusterHasIdentity"])
    }
    expect((await join(owner, admin.createToken("edge-1", {}).token)).status).toBe(200)
    await TestAgent.open(relay.ws, owner)
  })

  test("is not needed for a listed key, but one listed before the configuration had the cluster does not take it over", async () => {
    const owner = await relay.cluster("edge-1", false)
    const thief = await relay.cluster("edge-1", false)
    admin.listKey("edge-1", thief.document.identityKey)
    const { identityKey } = owner.document
    relay.configure({ clusters: [{ name: "edge-1", identityKey: jwkOf(identityKey), document: owner.signedDocument }] })
    await TestAgent.open(relay.ws, owner)
    await TestAgent.open(relay.ws, {
      ...owner,
      signedDocument: signDocument({ ...owner.document, serial: owner.document.serial + 1 }, owner.identityKey),
    })
    const signedDocument = signDocument({ ...thief.document, serial: thief.document.serial + 1_000 }, thief.identityKey)
    await expect(TestAgent.open(relay.ws, { ...thief, signedDocument })).rejects.toThrow("IdentityNotRegistered")
  })

  test("with --replace retires the keys that the configuration gives the cluster, with or without a document", async () => {
    const stolen = await relay.cluster("edge-1", false)
    for (const document of [{ document: stolen.signedDocument }, {}]) {
      relay.configure({ clusters: [{ name: "edge-1", identityKey: jwkOf(stolen.document.identityKey), ...document }] })
      const rebuilt = await relay.cluster("edge-1", false)
      expect((await join(rebuilt, admin.createToken("edge-1", { replace: true }).token)).body.outcome).toBe("joined")
      const serial = rebuilt.document.serial + 1_000
      const signedDocument = signDocument({ ...stolen.document, serial }, stolen.identityKey)
      await expect(TestAgent.open(relay.ws, { ...stolen, signedDocument })).rejects.toThrow("IdentityNotRegistered")
      await TestAgent.open(relay.ws, rebuilt)
      relay.store.clusters.remove("edge-1")
    }
  })

  test("lives at most 30 minutes, and its text is nowhere in the database", () => {
    expect(() => admin.createToken("edge-1", { seconds: 1801 })).toThrow("1 to 1800 seconds")
    const { token } = admin.createToken("edge-1", {})
    expect(JSON.stringify(relay.store.tokens.all())).not.toContain(token)
    expect(JSON.stringify(relay.store.actions.pending())).not.toContain(token)
  })

  test("does nothing for a revoked cluster", async () => {
    const material = await relay.cluster("edge-1")
    const { token } = admin.createToken("edge-1", { replace: true })
    admin.revokeCluster("edge-1", true)
    expect((await join(material, token)).cause).toBe("ClusterRevoked")
    expect(() => admin.createToken("edge-1", {})).toThrow("revoked")
  })

  test("guessed too often from one address is refused before it is looked at, and later again allowed", async () => {
    relay.configure({ limits: { joinFailuresPerAddress: 2 } })
    const material = await relay.cluster("edge-1", false)
    const { token } = admin.createToken("edge-1", { seconds: 1800 })
    for (const guess of ["a", "b"]) expect((await join(material, guess.repeat(43))).status).toBe(403)
    expect(await join(material, token)).toMatchObject({ status: 429, cause: "TooManyFailedJoins" })
    relay.time.advance(15 * 60_000)
    expect((await join(material, token)).status).toBe(200)
  })

  test("of a malformed or oversized request is refused", async () => {
    expect(await relay.call("POST", path.join, { body: "{" })).toMatchObject({ status: 400, cause: "BodyMalformed" })
    expect(await relay.call("POST", path.join, { body: "x".repeat(100_000) })).toMatchObject({
      status: 413,
      cause: "BodyTooLarge",
    })
  })
})

describe("a call signed by the identity key", () => {
  const signed = async (material: ClusterMaterial, method: string, target: string, body = "", nonce?: string) => {
    const used = nonce ?? (await relay.call("POST", path.challenge)).body.nonce
    const call = {
      nonce: used,
      relayUrl: publicUrl,
      cluster: material.document.clusterName,
      method,
      path: target,
      body: Buffer.from(body),
    }
    const headers = { [nonceHeader]: used, [signatureHeader]: operatorSignature(material.identityKey, call) }
    return relay.call(method, target, { headers, ...(body === "" ? {} : { body }) })
  }

  test("shows the cluster's sessions, once per nonce and within 60 s", async () => {
    const material = await relay.cluster("edge-1")
    await TestAgent.open(relay.ws, material)
    const { nonce } = (await relay.call("POST", path.challenge)).body
    const answer = await signed(material, "GET", path.sessions("edge-1"), "", nonce)
    expect(answer.body.sessions).toMatchObject([{ instance: "agent-1", sessionKey: spkiOf(material.sessionKey) }])
    expect(answer.body.document).toBe(material.signedDocument)
    expect((await signed(material, "GET", path.sessions("edge-1"), "", nonce)).cause).toBe("OperatorCallRefused")
    const late = (await relay.call("POST", path.challenge)).body.nonce
    relay.time.advance(60_000)
    expect((await signed(material, "GET", path.sessions("edge-1"), "", late)).cause).toBe("OperatorCallRefused")
  })

  test("publishes a newer document and refuses an older one and a foreign identity's", async () => {
    const material = await relay.cluster("edge-1")
    const next = signDocument({ ...material.document, serial: material.document.serial + 1 }, material.identityKey)
    expect((await signed(material, "PUT", path.document("edge-1"), next)).body).toEqual({
      serial: material.document.serial + 1,
    })
    expect((await signed(material, "PUT", path.document("edge-1"), next)).status).toBe(200)
    expect((await signed(material, "PUT", path.document("edge-1"), material.signedDocument)).cause).toBe(
      "DocumentOlder",
    )
    const stranger = await relay.cluster("edge-1", false)
    expect((await signed(stranger, "PUT", path.document("edge-1"), stranger.signedDocument)).cause).toBe(
      "IdentityNotRegistered",
    )
  })

  test("deregisters and ends the sessions; another cluster's key cannot", async () => {
    const material = await relay.cluster("edge-1")
    const other = await relay.cluster("edge-2")
    const agent = await TestAgent.open(relay.ws, material)
    const target = path.registration("edge-1")
    const { nonce } = (await relay.call("POST", path.challenge)).body
    const call = {
      nonce,
      relayUrl: publicUrl,
      cluster: "edge-1",
      method: "DELETE",
      path: target,
      body: new Uint8Array(),
    }
    const headers = { [nonceHeader]: nonce, [signatureHeader]: operatorSignature(other.identityKey, call) }
    expect((await relay.call("DELETE", target, { headers })).cause).toBe("OperatorCallRefused")
    expect((await signed(material, "DELETE", target)).status).toBe(204)
    expect(await agent.closed).toEqual({ code: 4003, reason: "cluster-deregistered" })
    expect((await signed(material, "GET", path.sessions("edge-1"))).cause).toBe("OperatorCallRefused")
  })
})
