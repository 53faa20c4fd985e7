/** A token that somebody brought, against a document that may be an evil cluster's: sent there, it could be used wherever else it is good. */
import { describe, expect, test } from "bun:test"
import { Either } from "effect"
import { readClaims } from "../../identity/readClaims.ts"
import { jwt } from "../testing/FarEnd.ts"
import { type ClusterExpectation, expectedByCluster } from "./expectedByCluster.ts"

const issuer = "https://idp.example"
const relay = "clusterconnect:relay.example"
const lab = `${relay}/lab`
const prod = `${relay}/prod`

const entry = (cluster: string) => `entry of ${cluster}`
const claimsOf = (claims: Record<string, unknown>) => Either.getOrThrow(readClaims(jwt(claims)))
/** At the cluster `lab`. */
const verdict = (aud: unknown, more: Partial<ClusterExpectation> = {}, claims: Record<string, unknown> = {}) =>
  Either.match(
    expectedByCluster(claimsOf({ aud, ...claims }), {
      cluster: "lab",
      ownAudience: lab,
      relayAudience: relay,
      singleAudience: false,
      named: undefined,
      audiences: { [issuer]: lab },
      remembered: new Map(),
      entry,
      ...more,
    }),
    { onLeft: (refusal) => refusal.cause, onRight: () => "sent" },
  )

describe("a token that was brought", () => {
  test("is sent where the document names its issuer and audience", () => {
    expect(verdict(lab)).toBe("sent")
    expect(verdict([lab, "account"])).toBe("sent")
    expect(verdict("custom", { audiences: { [issuer]: "custom" } })).toBe("sent")
    expect(verdict(prod)).toBe("ClusterAudienceMissing")
    expect(verdict(lab, {}, { iss: "https://other.example" })).toBe("IssuerNotAccepted")
  })
  test("is not another cluster's, whatever the document names", () => {
    expect(verdict(prod, { audiences: { [issuer]: prod } })).toBe("TokenOpensOthers")
    expect(verdict([lab, prod])).toBe("TokenOpensOthers")
    expect(verdict([lab, "clusterconnect:elsewhere.example/prod"])).toBe("TokenOpensOthers")
    expect(verdict([lab, `${lab}-2`])).toBe("TokenOpensOthers")
  })
  test("is not the relay's either, but where one token was allowed for both", () => {
    expect(verdict([lab, relay])).toBe("TokenOpensOthers")
    expect(verdict([lab, "api://relay"], { relayAudience: "api://relay" })).toBe("TokenOpensOthers")
    expect(verdict([lab, relay], { singleAudience: true })).toBe("sent")
    expect(verdict(relay, { singleAudience: true, audiences: { [issuer]: relay } })).toBe("sent")
  })
  test("is not one that another cluster of this relay is remembered to take", () => {
    const remembered = new Map([
      ["prod", ["api://prod"]],
      ["lab", ["api://lab"]],
    ])
    expect(verdict("api://prod", { audiences: { [issuer]: "api://prod" }, remembered })).toBe("TokenOpensOthers")
    expect(verdict([lab, "api://prod"], { remembered })).toBe("TokenOpensOthers")
    expect(verdict("api://lab", { audiences: { [issuer]: "api://lab" }, remembered })).toBe("sent")
  })
  test("cannot be kept from its own cluster by another one whose document names that audience", () => {
    expect(verdict(lab, { remembered: new Map([["prod", [lab]]]) })).toBe("sent")
  })
  test("goes by the user's word before all of it, which is for that audience alone", () => {
    const remembered = new Map([["prod", ["api://both"]]])
    expect(verdict("api://both", { named: "api://both", remembered })).toBe("sent")
    expect(verdict(prod, { named: prod })).toBe("sent")
    expect(verdict([lab, prod], { named: lab })).toBe("TokenOpensOthers")
  })
  test("needs the cluster's own audience, or the user's word, where the document names none", () => {
    const audiences = {}
    expect(verdict(lab, { audiences })).toBe("sent")
    for (const aud of [prod, "account", relay, [], undefined])
      expect(verdict(aud, { audiences })).toBe("ClusterAudienceMissing")
    expect(verdict("account", { audiences, named: "account" })).toBe("sent")
    expect(verdict([lab, prod], { audiences })).toBe("TokenOpensOthers")
    expect(verdict(relay, { audiences, singleAudience: true })).toBe("sent")
  })
  test("is refused in words that say what it is for, what was expected, and how to allow it", () => {
    const refusal = (aud: unknown, remembered = new Map<string, readonly string[]>()) =>
      String(
        Either.getLeft(
          expectedByCluster(claimsOf({ aud }), {
            ...{ cluster: "lab", ownAudience: lab, relayAudience: relay, singleAudience: false, named: undefined },
            ...{ audiences: {}, remembered, entry },
          }),
        ),
      )
    for (const said of ["account", lab, "--audience"]) expect(refusal("account")).toContain(said)
    const others = refusal([lab, "api://prod"], new Map([["prod", ["api://prod"]]]))
    for (const said of ["api://prod", "cluster prod", "entry of prod", "lab", "--audience"])
      expect(others).toContain(said)
    expect(others).not.toContain(jwt({ aud: [lab, "api://prod"] }).slice(0, 20))
  })
})
