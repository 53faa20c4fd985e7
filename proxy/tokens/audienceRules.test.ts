import { expect, test } from "bun:test"
import { Either } from "effect"
import { jwt } from "../testing/FarEnd.ts"
import { mayGoToCluster, mayGoToRelay } from "./audienceRules.ts"
import { RelayTokenGate, type RelayTokenRules } from "./RelayTokenGate.ts"
import { fixedToken } from "./TokenSource.ts"

const known = { relay: "R", defaultRelay: "default", clusters: ["C", "D"], single: false }
const now = 1_800_000_000_000
const exp = now / 1_000 + 60
const verdict = (aud: unknown, single = false, more: Record<string, unknown> = {}) =>
  Either.match(mayGoToRelay(jwt({ aud, exp, ...more }), { ...known, single }, now), {
    onLeft: ({ cause }) => cause,
    onRight: () => "sent",
  })

test("a token goes to the relay only if it is for the relay and for no cluster that is known", () => {
  expect(verdict("R")).toBe("sent")
  expect(verdict(["R", "X"])).toBe("sent")
  expect(verdict("X")).toBe("RelayAudienceMissing")
  expect(verdict("C")).toBe("RelayAudienceMissing")
  expect(verdict([])).toBe("RelayAudienceMissing")
  expect(verdict(undefined)).toBe("RelayAudienceMissing")
  expect(verdict(["R", "D"])).toBe("RelayTokenOpensCluster")
  expect(verdict(["R", "R/never-met"])).toBe("RelayTokenOpensCluster")
  expect(verdict(["R", "default/never-met"])).toBe("RelayTokenOpensCluster")
  expect(verdict(["R", "default", "defaults/x"])).toBe("sent")
  expect(verdict("r")).toBe("RelayAudienceMissing")
})
test("a single audience is allowed only when the user says so", () => {
  expect(verdict("C", true)).toBe("sent")
  expect(verdict(["R", "C"], true)).toBe("sent")
})
test("an expired or unreadable token goes nowhere", () => {
  expect(verdict("R", false, { exp: now / 1_000 - 31 })).toBe("TokenExpired")
  expect(verdict("R", false, { exp: now / 1_000 - 29 })).toBe("sent")
  expect(Either.isLeft(mayGoToRelay("opaque", known, now))).toBe(true)
  expect(Either.isLeft(mayGoToCluster("opaque", undefined, now))).toBe(true)
})
test("a cluster token is compared with the audience that the user named, and only with that", () => {
  expect(Either.isRight(mayGoToCluster(jwt({ aud: "X", exp }), undefined, now))).toBe(true)
  expect(Either.isRight(mayGoToCluster(jwt({ aud: ["X", "Y"], exp }), "Y", now))).toBe(true)
  expect(Either.isLeft(mayGoToCluster(jwt({ aud: "X", exp }), "Y", now))).toBe(true)
})
test("no refusal holds a token", () => {
  const token = jwt({ aud: "X", exp })
  expect(String(Either.getLeft(mayGoToRelay(token, known, now)))).not.toContain(token.slice(0, 20))
})
const gateFor = (aud: unknown, more: Partial<RelayTokenRules> = {}) =>
  new RelayTokenGate({
    source: fixedToken(jwt({ aud }), "test"),
    relayAudience: "R",
    defaultRelayAudience: "default",
    clusterAudiences: ["C"],
    rememberedAudiences: [],
    singleAudience: false,
    ...more,
  })

test("what a document names is never forgotten: the gate closes for the token in use", async () => {
  const gate = gateFor(["R", "late"])
  expect(await gate.token()).toContain(".")
  await expect(gate.learn(["late"])).rejects.toThrow("also good at a cluster")
  await expect(gate.token()).rejects.toThrow("also good at a cluster")
})
test("a document cannot close the gate for every token: one that takes the relay's own audience is refused, not learnt", async () => {
  const gate = gateFor("R")
  expect(() => gate.accept("edge-1", ["x", "R"])).toThrow("edge-1")
  try {
    gate.accept("edge-1", ["R"])
  } catch (error) {
    expect(error).toMatchObject({ _tag: "RefusedByPolicy", cause: "ClusterTakesRelayAudience" })
  }
  gate.accept("edge-1", ["x"])
  expect(await gate.token()).toBeString()
  gateFor("R", { singleAudience: true }).accept("edge-1", ["R"])
  // Remembered when one token was allowed for both, or by an earlier version.
  expect(await gateFor("R", { rememberedAudiences: ["R", "x"] }).token()).toBeString()
  await expect(gateFor(["R", "x"], { rememberedAudiences: ["x"] }).token()).rejects.toThrow("also good at a cluster")
  // What the user says about a cluster counts.
  await expect(gateFor("R", { clusterAudiences: ["R"] }).token()).rejects.toThrow("also good at a cluster")
})
