import fc from "fast-check"
import { type ByteEdit, byteEdit } from "./byteEdits.ts"

/** What is done to a token. Only `good` and `claims` are signed by the issuer for this audience and in time. */
export type TokenPlan =
  | { readonly kind: "good" }
  | { readonly kind: "claims"; readonly suffix: string; readonly groups: readonly string[] }
  | { readonly kind: "time"; readonly expiresInSeconds: number; readonly notBeforeInSeconds: number }
  | { readonly kind: "audience"; readonly audience: "other-cluster" | "relay" | "kubernetes" | "slash" | "none" }
  | {
      readonly kind: "header"
      readonly change: Readonly<Record<string, unknown>>
      readonly key: "own" | "public" | "none"
    }
  | { readonly kind: "payload"; readonly change: Readonly<Record<string, unknown>> }
  | { readonly kind: "signature"; readonly edits: readonly ByteEdit[] }
  | { readonly kind: "text"; readonly edits: readonly ByteEdit[] }
  | { readonly kind: "noise"; readonly text: string }

const algorithm = fc.constantFrom(
  "none",
  "None",
  "HS256",
  "HS384",
  "HS512",
  "RS256",
  "RS512",
  "PS256",
  "ES256",
  "EdDSA",
  "",
)
const kid = fc.constantFrom<unknown[]>("../../dev/null", "' OR 1=1", "", "\u0000", 7, null, ["a"])
const headerChange = fc.oneof(
  algorithm.map((alg) => ({ alg })),
  kid.map((value) => ({ kid: value })),
  fc.constantFrom<Record<string, unknown>[]>(
    { jku: "https://evil.example/keys" },
    { x5u: "https://evil.example/certificate" },
    { jwk: { kty: "oct", k: "AAAA" } },
    { crit: ["exp"] },
    { typ: "dpop+jwt" },
    { b64: false, crit: ["b64"] },
  ),
)
const payloadChange = fc.constantFrom<Record<string, unknown>[]>(
  { sub: "admin" },
  { groups: ["system:masters"] },
  { exp: 99_999_999_999 },
  { aud: "*" },
  { iss: "https://evil.example" },
)
const names = fc.oneof(
  fc.constantFrom("system:masters", "a,b", "a b", "-ü-", "%0d%0aX: y", "x".repeat(2_000), "kubernetes-admin"),
  fc.string({ unit: "binary", maxLength: 12 }),
)
const edits = fc.array(byteEdit, { minLength: 1, maxLength: 3 })

export const tokenPlan: fc.Arbitrary<TokenPlan> = fc.oneof(
  { weight: 20, arbitrary: fc.constant({ kind: "good" as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("claims" as const),
      suffix: names,
      groups: fc.array(names, { maxLength: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom([-3600, 0], [-40, 0], [3600, 3600], [3600, 120]).map(([expires = 0, notBefore = 0]) => ({
      kind: "time" as const,
      expiresInSeconds: expires,
      notBeforeInSeconds: notBefore,
    })),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        "other-cluster" as const,
        "relay" as const,
        "kubernetes" as const,
        "slash" as const,
        "none" as const,
      )
      .map((audience) => ({ kind: "audience" as const, audience })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("header" as const),
      change: headerChange,
      key: fc.constantFrom("own" as const, "public" as const, "none" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("payload" as const), change: payloadChange }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("signature" as const), edits }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("text" as const), edits }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("noise" as const), text: fc.string({ maxLength: 200 }) }) },
)
