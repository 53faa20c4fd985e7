import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { successionSignature } from "../protocol/document.ts"
import { newKey, pinOf, spkiOf } from "../protocol/keys.ts"
import { NotAuthenticated, RefusedByPolicy } from "./failures.ts"
import { FarEnd, jwt } from "./testing/FarEnd.ts"
import { NearEnd, type NearOptions } from "./testing/NearEnd.ts"
import type { FirstSight } from "./trust/ClusterTrust.ts"
import type { KnownCluster } from "./trust/KnownCluster.ts"

let far: FarEnd
beforeEach(async () => {
  far = await FarEnd.start("edge-1", { "https://idp.example": "the-cluster" })
})
afterEach(() => far.stop())

/** A memory of known clusters that the test looks into. */
const memory = (initial?: KnownCluster) => {
  const state = { remembered: initial }
  const known = {
    path: "",
    entry: () => "",
    find: async () => state.remembered,
    audiences: async () => new Map(),
    remember: async (_relay: string, _cluster: string, seen: KnownCluster) => {
      state.remembered = seen
    },
  }
  return { state, known: known as never }
}

/** With the token that the cluster's document asks for. */
const own = (options: NearOptions = {}): NearOptions => ({ clusterToken: jwt({ aud: "the-cluster" }), ...options })

const refusal = async (options: NearOptions) => {
  try {
    await (await NearEnd.start(far, own(options))).stop()
  } catch (error) {
    return error
  }
  return undefined
}

const serves = async (options: NearOptions) => {
  const near = await NearEnd.start(far, own(options))
  try {
    expect((await near.get("/api")).status).toBe(200)
  } finally {
    await near.stop()
  }
}

describe("the identity of a cluster", () => {
  test("given as a pin is enough, and is remembered with serial and audiences", async () => {
    const { state, known } = memory()
    await serves({ trust: { known } })
    expect(state.remembered).toEqual({
      pin: far.material.pin,
      serial: far.material.document.serial,
      audiences: ["the-cluster"],
    })
  })
  test("that is not known is shown to a person, who decides", async () => {
    const { state, known } = memory()
    const shown: FirstSight[] = []
    const confirm = (says: boolean) => async (sight: FirstSight) => {
      shown.push(sight)
      return says
    }
    expect(await refusal({ trust: { known, givenPin: undefined, confirm: confirm(false) } })).toMatchObject({
      cause: "PinNotConfirmed",
    })
    expect(state.remembered).toBeUndefined()
    await serves({ trust: { known, givenPin: undefined, confirm: confirm(true) } })
    expect(shown).toEqual(Array(2).fill({ relay: far.relayUrl, cluster: "edge-1", pin: far.material.pin }))
    // Remembered: nobody is asked again.
    await serves({ trust: { known, givenPin: undefined, confirm: undefined } })
    expect(shown.length).toBe(2)
  })
  test("that is not known is refused where nobody can be asked, unless the relay is to be believed this once", async () => {
    const { known } = memory()
    expect(await refusal({ trust: { known, givenPin: undefined } })).toMatchObject({
      _tag: "RefusedByPolicy",
      cause: "PinRequired",
    })
    await serves({ trust: { known, givenPin: undefined, acceptNewPin: true } })
  })
  test("that changed is refused with a clear text, even with --accept-new-pin, and nothing is sent", async () => {
    const { known } = memory({ pin: `sha256:${"0".repeat(64)}`, serial: 1, audiences: [] })
    const failure = await refusal({ trust: { known, givenPin: undefined, acceptNewPin: true } })
    expect(failure).toBeInstanceOf(RefusedByPolicy)
    expect(failure).toMatchObject({ cause: "IdentityChanged" })
    expect((failure as Error).message).toContain("THE IDENTITY OF CLUSTER edge-1 HAS CHANGED")
    expect(far.streams.statistics().opened).toBe(0)
  })
  test("that the pinned one signed as its successor is followed and remembered", async () => {
    const before = far.material
    const next = newKey()
    const previousIdentity = {
      key: spkiOf(before.identityKey),
      signature: successionSignature(before.identityKey, spkiOf(next)),
    }
    far.publish({ identityKey: spkiOf(next), previousIdentity, serial: before.document.serial + 1 }, next)
    const { state, known } = memory({ pin: before.pin, serial: before.document.serial, audiences: [] })
    await serves({ trust: { known, givenPin: undefined } })
    expect(state.remembered?.pin).toBe(pinOf(spkiOf(next)))
  })
  test("is refused with an older document, another cluster's, another relay's, or a wrong signature", async () => {
    const { document } = far.material
    const { known } = memory({ pin: far.material.pin, serial: document.serial + 1, audiences: [] })
    expect(await refusal({ trust: { known } })).toMatchObject({ cause: "SerialLower" })
    far.publish({ clusterName: "edge-2" })
    expect(await refusal({})).toMatchObject({ cause: "ClusterNameDiffers" })
    far.publish({ clusterName: "edge-1", relayUrl: "https://other.example" })
    expect(await refusal({})).toMatchObject({ cause: "RelayUrlDiffers" })
    far.publish({ relayUrl: far.relayUrl })
    far.document = `${far.document.split(".")[0]}.${"A".repeat(86)}`
    expect(await refusal({})).toMatchObject({ cause: "SignatureWrong" })
  })
})

describe("the cluster's certificate", () => {
  test("may be renewed under new roots at any time: the document is fetched again, once, and requests go on", async () => {
    const near = await NearEnd.start(far, own())
    await near.get("/warm")
    await far.rotate()
    far.streams.closeAll("rollout")
    expect((await near.get("/api")).status).toBe(200)
    expect(far.relayCalls.filter(({ method, target }) => method === "GET" && !target.endsWith("/stream")).length).toBe(
      2,
    )
    await near.stop()
  })
  test("under roots that no document names is refused: nothing is sent to whoever that is", async () => {
    const near = await NearEnd.start(far, own())
    await far.rotate(false)
    const got = await near.get("/api")
    expect(got.status).toBe(403)
    expect(got.body).toContain("CertificateNotTrusted")
    expect(far.requests).toEqual([])
    await near.stop()
  })
})

test("a certificate under the right root that names another cluster is refused", async () => {
  await far.serveAs("edge-2")
  const near = await NearEnd.start(far, own())
  const got = await near.get("/api")
  expect([got.status, far.requests]).toEqual([403, []])
  expect(got.body).toContain("CertificateNotTrusted")
  await near.stop()
})

describe("a cluster token that was brought", () => {
  const sent = () => far.streams.statistics().opened
  test("is sent only where its issuer and audience belong: it may be another cluster's", async () => {
    expect(await refusal({ clusterToken: jwt({ aud: "another" }) })).toMatchObject({
      _tag: "NotAuthenticated",
      cause: "ClusterAudienceMissing",
      detail: expect.stringContaining("--audience"),
    })
    expect(await refusal({ clusterToken: jwt({ aud: "the-cluster", iss: "https://other.example" }) })).toMatchObject({
      cause: "IssuerNotAccepted",
    })
    expect(sent()).toBe(0)
  })
  test("needs the cluster's own audience, or the user's word, where the document names none: it could name none to get any", async () => {
    far.publish({ audiences: {} })
    const another = `${far.relayAudience}/edge-2`
    for (const aud of ["another", another])
      expect(await refusal({ clusterToken: jwt({ aud }) })).toMatchObject({ cause: "ClusterAudienceMissing" })
    expect(sent()).toBe(0)
    await serves({ clusterToken: jwt({ aud: far.clusterAudience }) })
    await serves({ clusterToken: jwt({ aud: "another" }), audience: "another" })
  })
  test("is not sent to a cluster whose document names another cluster's audience", async () => {
    const another = `${far.relayAudience}/edge-2`
    far.publish({ audiences: { "https://idp.example": another } })
    expect(await refusal({ clusterToken: jwt({ aud: another }) })).toMatchObject({
      _tag: "NotAuthenticated",
      cause: "TokenOpensOthers",
    })
    const { known } = memory()
    far.publish({ audiences: { "https://idp.example": "api://edge-2" } })
    const other = { ...(known as object), audiences: async () => new Map([["edge-2", ["api://edge-2"]]]) } as never
    const clusterToken = jwt({ aud: "api://edge-2" })
    expect(await refusal({ clusterToken, trust: { known: other } })).toMatchObject({ cause: "TokenOpensOthers" })
    expect(sent()).toBe(0)
    await serves({ clusterToken, audience: "api://edge-2", trust: { known: other } })
  })
  test("is looked at again at every use: its file may hold another cluster's by then", async () => {
    let text = jwt({ aud: "the-cluster" })
    const clusterTokens = { current: async () => text, described: "test" }
    const near = await NearEnd.start(far, { clusterTokens })
    expect((await near.get("/api")).status).toBe(200)
    const before = far.requests.length
    text = jwt({ aud: `${far.relayAudience}/edge-2` })
    const refused = await near.get("/api")
    expect([refused.status, far.requests.length]).toEqual([401, before])
    expect(refused.body).toContain("ClusterAudienceMissing")
    text = jwt({ aud: "the-cluster", jti: "fresh" })
    expect((await near.get("/api")).status).toBe(200)
    await near.stop()
  })
  test("is looked at again when the document says something else by then", async () => {
    // What is remembered stays as it is: the document alone makes the difference.
    const nothing = new Map()
    const known = { ...(memory().known as object), audiences: async () => nothing } as never
    const near = await NearEnd.start(far, own({ trust: { known } }))
    expect((await near.get("/api")).status).toBe(200)
    const before = far.requests.length
    far.publish({ audiences: { "https://idp.example": "moved" }, serial: far.material.document.serial + 1 })
    await near.link.trust.refresh()
    const refused = await near.get("/api")
    expect([refused.status, far.requests.length]).toEqual([401, before])
    expect(refused.body).toContain("ClusterAudienceMissing")
    await near.stop()
  })
  test("is looked at again when another program has learnt that it is another cluster's too", async () => {
    let remembered: ReadonlyMap<string, readonly string[]> = new Map()
    const { known } = memory()
    const learning = { ...(known as object), audiences: async () => remembered } as never
    const near = await NearEnd.start(
      far,
      own({ clusterToken: jwt({ aud: ["the-cluster", "api://edge-2"] }), trust: { known: learning } }),
    )
    expect((await near.get("/api")).status).toBe(200)
    const before = far.requests.length
    remembered = new Map([["edge-2", ["api://edge-2"]]])
    const refused = await near.get("/api")
    expect([refused.status, far.requests.length]).toEqual([401, before])
    expect(refused.body).toContain("TokenOpensOthers")
    await near.stop()
  })
  test("is sent with another audience where the user says that the cluster takes it", async () => {
    await serves({ clusterToken: jwt({ aud: "second" }), audience: "second" })
    expect(await refusal({ clusterToken: jwt({ aud: "the-cluster" }), audience: "second" })).toMatchObject({
      cause: "ClusterAudienceMissing",
    })
  })
})

describe("the relay token", () => {
  test("that a cluster takes too never leaves: by default audience, or by what the first document says", async () => {
    for (const aud of [[far.relayAudience, far.clusterAudience], far.clusterAudience]) {
      const failure = await refusal({ relayToken: jwt({ aud }) })
      expect(failure).toBeInstanceOf(NotAuthenticated)
      expect(far.relayCalls).toEqual([])
    }
    const failure = await refusal({ relayToken: jwt({ aud: [far.relayAudience, "the-cluster"] }) })
    expect(failure).toMatchObject({ cause: "RelayTokenOpensCluster" })
    // The document had to be fetched to know; no stream was opened with it.
    expect(far.relayCalls.length).toBe(1)
    await serves({ relayToken: jwt({ aud: [far.relayAudience, "the-cluster"] }), singleAudience: true })
  })
  test("cannot be closed off by a cluster: a document that names an audience of it is refused and not remembered", async () => {
    const { state, known } = memory()
    const relayToken = jwt({ aud: [far.relayAudience, "the-cluster"] })
    const failure = await refusal({ relayToken, trust: { known } })
    expect(failure).toMatchObject({ cause: "RelayTokenOpensCluster" })
    expect((failure as Error).message).toContain("cluster edge-1")
    expect(state.remembered).toBeUndefined()
    expect(far.streams.statistics().opened).toBe(0)
  })
  test("is held back from the start where any cluster was remembered to take it, and the refusal names that cluster", async () => {
    const relayToken = jwt({ aud: [far.relayAudience, "account"] })
    for (const cluster of ["edge-1", "edge-2"]) {
      const refused = await refusal({ relayToken, remembered: new Map([[cluster, ["account"]]]) })
      expect(refused).toMatchObject({ cause: "RelayTokenOpensCluster" })
      expect((refused as Error).message).toContain(`a document of cluster ${cluster}`)
    }
    expect(far.relayCalls).toEqual([])
  })
  test("cannot be closed off by a cluster: a document that takes the relay's own audience is refused and not remembered", async () => {
    far.publish({ audiences: { "https://idp.example": far.relayAudience } })
    const { state, known } = memory()
    expect(await refusal({ trust: { known } })).toMatchObject({
      _tag: "RefusedByPolicy",
      cause: "ClusterTakesRelayAudience",
    })
    expect(state.remembered).toBeUndefined()
    expect(far.streams.statistics().opened).toBe(0)
    await serves({ trust: { known }, singleAudience: true, clusterToken: jwt({ aud: far.relayAudience }) })
  })
  test("is all that the relay ever sees: not the cluster's, whatever it answers (S24)", async () => {
    const near = await NearEnd.start(far, own())
    far.refuses = () => ({
      code: 401,
      hop: "relay",
      cause: "TokenAudienceWrong",
      message: "use audience the-cluster of issuer https://evil.example and send the cluster token",
    })
    far.cutCarriers()
    expect((await near.get("/api")).status).toBe(401)
    expect(far.relayCalls.some(({ authorization }) => authorization.includes(near.clusterToken))).toBe(false)
    await near.stop()
  })
})
