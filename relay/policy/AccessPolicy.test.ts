import { describe, expect, test } from "bun:test"
import { Either, type Schema } from "effect"
import { decodeConfiguration } from "../../platform/configuration.ts"
import { AccessPolicy } from "./AccessPolicy.ts"
import { PolicyEntry, type Role } from "./PolicyEntry.ts"

const issuers = new Map([["main", "https://idp.example.com"]])
const entry = (changes: Partial<PolicyEntry> = {}): PolicyEntry => ({
  issuer: "main",
  claims: { groups: ["ops", "dev"] },
  clusters: ["edge-*"],
  role: "connect",
  ...changes,
})
const caller = (claims: Record<string, unknown>, issuer = "https://idp.example.com") => ({
  issuer,
  subject: "alice",
  claims,
})

describe("the access policy", () => {
  test("without entries lets nobody do anything", () => {
    const policy = new AccessPolicy([], issuers)
    expect(policy.allows(caller({}), "edge-1", "connect")).toBe(false)
    expect(policy.knows(caller({}))).toBe(false)
  })

  type Case = readonly [string, Partial<PolicyEntry>, Record<string, unknown>, string, Role, boolean]
  const row = (name: string, changes: Partial<PolicyEntry>, claims: Record<string, unknown>): Case => [
    name,
    changes,
    claims,
    "edge-1",
    "connect",
    false,
  ]
  const table: readonly Case[] = [
    ["a list that contains a value", {}, { groups: ["x", "ops"] }, "edge-1", "connect", true],
    ["a string that is a value", {}, { groups: "dev" }, "edge-1", "connect", true],
    ["another value", {}, { groups: ["qa"] }, "edge-1", "connect", false],
    ["a missing claim", {}, {}, "edge-1", "connect", false],
    [
      "a claim that only a prototype has",
      { claims: { ["toString" as string]: ["x"] } },
      {},
      "edge-1",
      "connect",
      false,
    ],
    ["an email", { claims: { email: ["a@x"] } }, { email: "a@x" }, "edge-1", "connect", true],
    [
      "an email that is verified",
      { claims: { email: ["a@x"] } },
      { email: "a@x", email_verified: true },
      "edge-1",
      "connect",
      true,
    ],
    ...[false, "true", null].map((email_verified) =>
      row(
        `an email that is not verified (${JSON.stringify(email_verified)})`,
        { claims: { email: ["a@x"] } },
        { email: "a@x", email_verified },
      ),
    ),
    ["a part of a value", {}, { groups: "op" }, "edge-1", "connect", false],
    ["a value that only the list joined would contain", {}, { groups: "ops,dev" }, "edge-1", "connect", false],
    ["a number where the file has text", { claims: { level: ["1"] } }, { level: 1 }, "edge-1", "connect", false],
    ["an object", {}, { groups: { ops: true } }, "edge-1", "connect", false],
    [
      "all of several claims",
      { claims: { groups: ["ops"], site: ["a"] } },
      { groups: "ops", site: "a" },
      "edge-1",
      "connect",
      true,
    ],
    [
      "one of several claims",
      { claims: { groups: ["ops"], site: ["a"] } },
      { groups: "ops", site: "b" },
      "edge-1",
      "connect",
      false,
    ],
    ["a cluster outside the pattern", {}, { groups: "ops" }, "prod-1", "connect", false],
    [
      "a cluster that ends like the pattern",
      { clusters: ["edge-1"] },
      { groups: "ops" },
      "my-edge-1",
      "connect",
      false,
    ],
    ["a cluster that begins like the name", { clusters: ["edge-1"] }, { groups: "ops" }, "edge-10", "connect", false],
    ["a star inside", { clusters: ["eu-*-prod"] }, { groups: "ops" }, "eu-west-prod", "connect", true],
    ["two stars in order", { clusters: ["*-eu-*-1"] }, { groups: "ops" }, "a-eu-b-1", "connect", true],
    ["two stars out of order", { clusters: ["*-eu*-de"] }, { groups: "ops" }, "a-de-eu", "connect", false],
    ["a name in which beginning and end overlap", { clusters: ["ab*ba"] }, { groups: "ops" }, "aba", "connect", false],
    ["a middle that is only in the end", { clusters: ["*ab*ab"] }, { groups: "ops" }, "cab", "connect", false],
    ["thirty stars", { clusters: ["a*".repeat(30)] }, { groups: "ops" }, `${"a".repeat(29)}b`, "connect", false],
    ["a name that is too long", { clusters: ["*"] }, { groups: "ops" }, "a".repeat(41), "connect", false],
    ["a name with a newline", { clusters: ["*"] }, { groups: "ops" }, "edge\n", "connect", false],
    ["connect does not enrol", {}, { groups: "ops" }, "edge-1", "enrol", false],
    ["enrol does not connect", { role: "enrol" }, { groups: "ops" }, "edge-1", "connect", false],
    ["enrol is not admin", { role: "enrol" }, { groups: "ops" }, "edge-1", "admin", false],
    ["admin includes connect", { role: "admin" }, { groups: "ops" }, "edge-1", "connect", true],
    ["admin includes enrol", { role: "admin" }, { groups: "ops" }, "edge-1", "enrol", true],
    ["no claims named is everybody of the issuer", { claims: {} }, {}, "edge-1", "connect", true],
  ]
  for (const [name, changes, claims, cluster, role, allowed] of table)
    test(`${allowed ? "admits" : "refuses"}: ${name}`, () => {
      expect(new AccessPolicy([entry(changes)], issuers).allows(caller(claims), cluster, role)).toBe(allowed)
    })

  test("never admits another issuer with the same claims", () => {
    const policy = new AccessPolicy([entry()], issuers)
    expect(policy.allows(caller({ groups: "ops" }, "https://evil.example.com"), "edge-1", "connect")).toBe(false)
    expect(policy.allows(caller({ groups: "ops" }, "main"), "edge-1", "connect")).toBe(false)
  })

  test("gives what concerns all clusters only by an entry for *", () => {
    const some = new AccessPolicy([entry({ role: "admin" })], issuers)
    const all = new AccessPolicy([entry({ role: "admin", clusters: ["*"] })], issuers)
    expect(some.allowsEverywhere(caller({ groups: "ops" }), "admin")).toBe(false)
    expect(all.allowsEverywhere(caller({ groups: "ops" }), "admin")).toBe(true)
    expect(all.allowsEverywhere(caller({ groups: "qa" }), "admin")).toBe(false)
  })

  for (const [name, text] of [
    ["a misspelled key", "issuer: main\nclaim: {groups: [a]}\nclusters: ['*']\nrole: connect"],
    ["an unknown role", "issuer: main\nclusters: ['*']\nrole: root"],
    ["no clusters", "issuer: main\nclusters: []\nrole: connect"],
    ["an empty list of values", "issuer: main\nclaims: {groups: []}\nclusters: ['*']\nrole: connect"],
    ["a regular expression as pattern", "issuer: main\nclusters: ['edge-.+']\nrole: connect"],
  ] as const)
    test(`an entry with ${name} is an error`, () => {
      expect(
        Either.isLeft(decodeConfiguration(PolicyEntry as Schema.Schema<PolicyEntry, unknown>, text, "policy")),
      ).toBe(true)
    })
})
