import { describe, expect, test } from "bun:test"
import { unmetRule } from "./claimRules.ts"
import type { ClaimValidationRule } from "./JwtEntry.ts"

const onEmail: ClaimValidationRule = { claim: "email", requiredValue: "a@b" }

describe("a rule", () => {
  const table: readonly (readonly [string, ClaimValidationRule, Record<string, unknown>, boolean])[] = [
    ["is met by the required value", { claim: "a", requiredValue: "1" }, { a: "1" }, true],
    ["is met by one of the required values", { claim: "a", requiredValues: ["1", "2"] }, { a: "2" }, true],
    ["needs both when both are given", { claim: "a", requiredValue: "1", requiredValues: ["2"] }, { a: "2" }, false],
    ["is not met by another value", { claim: "a", requiredValue: "1" }, { a: "2" }, false],
    ["is not met by a value that only begins so", { claim: "a", requiredValue: "1" }, { a: "12" }, false],
    ["compares case", { claim: "a", requiredValue: "x" }, { a: "X" }, false],
    ["is not met by an absent claim", { claim: "a", requiredValue: "1" }, {}, false],
    ["is not met by a number", { claim: "a", requiredValue: "1" }, { a: 1 }, false],
    ["is not met by a list that contains the value", { claim: "a", requiredValue: "1" }, { a: ["1"] }, false],
    ["is not met by an inherited member", { claim: "constructor", requiredValues: ["x"] }, {}, false],
    ["on email is met by a verified address", onEmail, { email: "a@b", email_verified: true }, true],
    ["on email is met where nothing is said about verification", onEmail, { email: "a@b" }, true],
    ["on email is not met by an unverified address", onEmail, { email: "a@b", email_verified: false }, false],
    ["on email is not met by a text that says verified", onEmail, { email: "a@b", email_verified: "true" }, false],
    ["without any value is never met", { claim: "a" }, { a: "" }, false],
    ["without a claim is never met", { requiredValue: "1" }, { "": "1" }, false],
  ]
  for (const [what, rule, claims, met] of table)
    test(what, () => expect(unmetRule([rule], claims) === undefined).toBe(met))
})

test("every rule must be met, and the refusal names the claim but not its value", () => {
  const rules = [
    { claim: "a", requiredValue: "1" },
    { claim: "b", requiredValue: "2" },
  ]
  expect(unmetRule(rules, { a: "1", b: "2" })).toBeUndefined()
  const refusal = unmetRule(rules, { a: "1", b: "a private value" })
  expect(refusal?._tag).toBe("ClaimRuleUnmet")
  expect(refusal?.message).toContain("claim b")
  expect(refusal?.message).not.toContain("a private value")
})
