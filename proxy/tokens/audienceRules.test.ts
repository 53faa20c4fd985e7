import { expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Either } from "effect"
import { jwt } from "../testing/FarEnd.ts"
import { KnownClusters } from "../trust/KnownClusters.ts"
import { mayGoToCluster, mayGoToRelay } from "./audienceRules.ts"
import { RelayTokenGate, type RelayTokenRules } from "./RelayTokenGate.ts"
import { fixedToken } from "./TokenSource.ts"

const known = {
  relay: "R",
  defaultRelay: "default",
  clusters: ["C", "D"],
  named: new Map([["N", "edge-9"]]),
  entry: (cluster: string) => `entry of ${cluster}`,
  single: false,
}
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
  expect(verdict(["R", "N"])).toBe("RelayTokenOpensCluster")
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
  const refused = Either.getOrThrow(Either.flip(mayGoToCluster(jwt({ aud: "X", exp }), "Y", now)))
  expect(refused.cause).toBe("ClusterAudienceMissing")
  for (const said of ['"X"', '"Y"', "--audience", "It was not sent"]) expect(refused.detail).toContain(said)
})
test("no refusal holds a token", () => {
  const token = jwt({ aud: "X", exp })
  expect(String(Either.getLeft(mayGoToRelay(token, known, now)))).not.toContain(token.slice(0, 20))
})
type Remembered = ReadonlyMap<string, readonly string[]>
const gateFor = (aud: unknown, more: Partial<RelayTokenRules> & { remembered?: () => Remembered } = {}) =>
  new RelayTokenGate({
    source: fixedToken(jwt({ aud }), "test"),
    relayAudience: "R",
    defaultRelayAudience: "default",
    clusterAudiences: ["C"],
    relay: "https://relay.example",
    known: { audiences: async () => more.remembered?.() ?? new Map(), entry: known.entry },
    singleAudience: false,
    ...more,
  })

test("what a document names is never forgotten: the gate closes for the token in use, and says which cluster named it", async () => {
  let token = jwt({ aud: "R" })
  const gate = gateFor("R", { source: { current: async () => token, described: "test" } })
  await gate.learn("edge-1", ["late"])
  token = jwt({ aud: ["R", "late"] })
  await expect(gate.token()).rejects.toThrow('"late", which a document of cluster edge-1 named')
  await expect(gate.learn("edge-2", ["late"])).rejects.toThrow("cluster edge-1")
})
test("a document cannot close the gate: one that names an audience of the relay token is refused by its cluster's name, not learnt", async () => {
  const gate = gateFor(["R", "account"])
  for (const [audiences, cause, tag] of [
    [["x", "R"], "ClusterTakesRelayAudience", "RefusedByPolicy"],
    [["x", "account"], "RelayTokenOpensCluster", "NotAuthenticated"],
  ] as const) {
    const refused = await gate.accept("edge-1", audiences).catch((error: Error) => error)
    expect(refused).toMatchObject({ _tag: tag, cause })
    expect((refused as Error).message).toContain("cluster edge-1")
    expect((refused as Error).message).toContain("--single-audience")
  }
  await gate.accept("edge-1", ["x"])
  expect(await gate.token()).toBeString()
  await gateFor("R", { singleAudience: true }).accept("edge-1", ["R"])
})
test("what is remembered of a cluster holds a token back from the first call on", async () => {
  const remembered = () => new Map([["edge-1", ["R", "x"]]])
  await expect(gateFor(["R", "x"], { remembered }).token()).rejects.toThrow("which a document of cluster edge-1 named")
  // Remembered when one token was allowed for both.
  expect(await gateFor("R", { remembered }).token()).toBeString()
  await expect(gateFor("R", { clusterAudiences: ["R"] }).token()).rejects.toThrow("also good at a cluster")
  await expect(gateFor(["R", "default/edge-7"]).token()).rejects.toThrow("also good at a cluster")
})
test("what another program learns counts from then on, and the refusal says by whom and where it stands", async () => {
  const held = await mkdtemp(join(tmpdir(), "clusterconnect-gate-"))
  try {
    const memory = new KnownClusters(join(held, "known-clusters.json"))
    const gate = gateFor(["R", "account"], { known: memory })
    expect(await gate.token()).toBeString()
    const seen = { pin: `sha256:${"1".repeat(64)}` as const, serial: 1, audiences: ["account"] }
    await new KnownClusters(memory.path).remember("https://relay.example", "prod", seen)
    const refused = await gate.token().catch((error: Error) => error)
    expect(refused).toMatchObject({ cause: "RelayTokenOpensCluster" })
    const { message } = refused as Error
    expect(message).toContain("start this program again")
    for (const said of ["cluster prod", `"https://relay.example prod" of ${memory.path}`]) {
      expect(message).toContain(said)
      expect(message.indexOf(said)).toBeLessThan(message.indexOf("--single-audience"))
    }
  } finally {
    await rm(held, { recursive: true })
  }
})
