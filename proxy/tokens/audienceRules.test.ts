import { expect, test } from "bun:test"
import { Either } from "effect"
import { jwt } from "../testing/FarEnd.ts"
import { mayGoToCluster, mayGoToRelay } from "./audienceRules.ts"
import { RelayTokenGate } from "./RelayTokenGate.ts"
import { fixedToken } from "./TokenSource.ts"

const known = { relay: "R", clusters: ["C", "D"], single: false }
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
test("what a document names is never forgotten: the gate closes for the token in use", () => {
  const gate = new RelayTokenGate({
    source: fixedToken(jwt({ aud: ["R", "late"] }), "test"),
    relayAudience: "R",
    clusterAudiences: ["C"],
    singleAudience: false,
  })
  expect(gate.token()).toContain(".")
  expect(() => gate.learn(["late"])).toThrow("also good at a cluster")
  expect(() => gate.token()).toThrow("also good at a cluster")
})
