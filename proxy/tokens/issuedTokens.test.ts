import { describe, expect, test } from "bun:test"
import { jwt } from "../testing/FarEnd.ts"
import { IssuedClusterToken } from "./IssuedClusterToken.ts"
import { type Issuing, issuedRelayToken } from "./Issuing.ts"

const issuer = "https://idp.example"
const relayAudience = "clusterconnect:relay.example"
const own = "clusterconnect:relay.example/edge-1"

const recording = (aud: (audience: string) => unknown = (audience) => audience) => {
  const asked: string[] = []
  const issuing: Issuing = {
    described: "test",
    issuer,
    mint: async (audience) => {
      asked.push(audience)
      return jwt({ aud: aud(audience) })
    },
  }
  return { asked, issuing }
}
const clusterToken = (issuing: Issuing, audience?: string, singleAudience = false) =>
  new IssuedClusterToken({
    issuing,
    cluster: "edge-1",
    audience,
    defaultAudience: own,
    relayAudience,
    singleAudience,
  })

const refusalOf = (body: () => void): unknown => {
  try {
    body()
  } catch (error) {
    return error
  }
  return undefined
}

describe("a token that is issued on demand", () => {
  test("is not used when its issuer gave one for somebody else, or something that cannot be read", async () => {
    const other = recording(() => "somebody")
    await expect(issuedRelayToken(other.issuing, relayAudience).current()).rejects.toThrow('a token for "somebody"')
    await expect(clusterToken(other.issuing).current()).rejects.toThrow("It was not sent")
    const opaque: Issuing = { ...other.issuing, mint: async () => "opaque" }
    await expect(issuedRelayToken(opaque, relayAudience).current()).rejects.toThrow("not a JWT")
  })
  test("is for the cluster's own audience, which its document may confirm", async () => {
    const { asked, issuing } = recording()
    const token = clusterToken(issuing)
    await token.current()
    token.adopt({ "https://other.example": "other", [issuer]: own })
    token.adopt({})
    await token.current()
    expect(asked).toEqual([own])
  })
  test("is for the audience that the user named, whatever the document says", async () => {
    const { asked, issuing } = recording()
    const token = clusterToken(issuing, "mine")
    token.adopt({ [issuer]: "theirs" })
    await token.current()
    expect(asked).toEqual(["mine"])
  })
  test("is never asked for because a document names its audience: not the relay's, another cluster's or anybody else's", () => {
    const { asked, issuing } = recording()
    for (const audience of [relayAudience, "clusterconnect:relay.example/edge-2", "vault", `${own}/`, ""])
      for (const named of [issuing, { ...issuing, issuer: undefined }])
        expect(refusalOf(() => clusterToken(named).adopt({ [issuer]: audience }))).toMatchObject({
          _tag: "RefusedByPolicy",
          cause: "AudienceNotOwn",
          detail: expect.stringContaining("--audience"),
        })
    expect(asked).toEqual([])
  })
  test("is for the relay's audience only where the user wants one token for both", async () => {
    const { asked, issuing } = recording()
    const token = clusterToken(issuing, undefined, true)
    token.adopt({ [issuer]: relayAudience })
    await token.current()
    token.adopt({ [issuer]: own })
    await token.current()
    expect(asked).toEqual([relayAudience, own])
    expect(refusalOf(() => token.adopt({ [issuer]: "vault" }))).toMatchObject({ cause: "AudienceNotOwn" })
  })
  test("is not used when it is also good at the relay or at another cluster", async () => {
    for (const more of [relayAudience, "clusterconnect:relay.example/edge-2", "clusterconnect:other.example/edge-1"]) {
      const { issuing } = recording((audience) => [audience, more])
      await expect(clusterToken(issuing).current()).rejects.toMatchObject({
        _tag: "NotAuthenticated",
        cause: "TokenOpensOthers",
        detail: expect.stringContaining(more),
      })
      await expect(clusterToken(issuing, "mine").current()).rejects.toMatchObject({ cause: "TokenOpensOthers" })
      expect(await clusterToken(issuing, undefined, true).current()).toBeString()
    }
    const harmless = recording((audience) => [audience, "account"])
    expect(await clusterToken(harmless.issuing).current()).toBeString()
  })
  test("needs an issuer that the cluster takes", () => {
    const { issuing } = recording()
    expect(() => clusterToken(issuing).adopt({ "https://other.example": own })).toThrow("https://other.example")
    const unknown: Issuing = { ...issuing, issuer: undefined }
    const token = clusterToken(unknown)
    token.adopt({ a: "x", b: "y" })
    expect(token.audience).toBe(own)
  })
})
