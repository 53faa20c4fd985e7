import { describe, expect, test } from "bun:test"
import { Either } from "effect"
import * as fc from "fast-check"
import {
  challengeAnswer,
  challengeAnswerHolds,
  decodeJoinRequest,
  decodeOperatorNonce,
  joinProof,
  joinProofHolds,
  operatorSignature,
  operatorSignatureHolds,
} from "./enrolment.ts"
import { newKey, spkiOf } from "./keys.ts"
import { newSecret } from "./ticket.ts"

const key = newKey()
const spki = spkiOf(key)
const other = spkiOf(newKey())

/** Every way to change one string field of `fields`. */
const changes = <F extends Record<string, unknown>>(fields: F): readonly (readonly [string, F])[] =>
  Object.entries(fields).map(([name, value]) => [
    name,
    { ...fields, [name]: value instanceof Uint8Array ? Buffer.concat([value, Buffer.from("x")]) : `${value}x` },
  ])

describe("the answer to a challenge", () => {
  const fields = { nonce: newSecret(), relayUrl: "https://relay.example.com", cluster: "edge-1", instance: "pod-1" }
  const answer = challengeAnswer(key, fields)
  test("holds for what was asked", () => {
    expect(challengeAnswerHolds(spki, fields, answer)).toBe(true)
    expect(challengeAnswerHolds(other, fields, answer)).toBe(false)
  })
  test.each(changes(fields))("is worthless with another %s", (_, changed) => {
    expect(challengeAnswerHolds(spki, changed, answer)).toBe(false)
  })
})

describe("the proof of a join", () => {
  const fields = { relayUrl: "https://relay.example.com", cluster: "edge-1", token: "token-1" }
  const proof = joinProof(key, fields)
  test("holds for this key and token", () => {
    expect(joinProofHolds(spki, fields, proof)).toBe(true)
    expect(joinProofHolds(other, fields, proof)).toBe(false)
  })
  test.each(changes(fields))("is worthless with another %s", (_, changed) => {
    expect(joinProofHolds(spki, changed, proof)).toBe(false)
  })
})

describe("the signature of an operator's call", () => {
  const call = {
    nonce: newSecret(),
    relayUrl: "https://relay.example.com",
    cluster: "edge-1",
    method: "PUT",
    path: "/v1/clusters/edge-1/document",
    body: Buffer.from("document") as Uint8Array,
  }
  const signature = operatorSignature(key, call)
  test("holds for this call", () => {
    expect(operatorSignatureHolds(spki, call, signature)).toBe(true)
    expect(operatorSignatureHolds(other, call, signature)).toBe(false)
  })
  test.each(changes(call))("is worthless with another %s", (_, changed) => {
    expect(operatorSignatureHolds(spki, changed, signature)).toBe(false)
  })
})

test("a signature for one purpose is worthless for the others, even over equal fields", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (nonce, relayUrl, cluster) => {
      const call = {
        nonce,
        relayUrl,
        cluster,
        instance: "i",
        token: nonce,
        method: "GET",
        path: "/",
        body: Buffer.of(),
      }
      expect(joinProofHolds(spki, call, challengeAnswer(key, call))).toBe(false)
      expect(operatorSignatureHolds(spki, call, joinProof(key, call))).toBe(false)
      expect(challengeAnswerHolds(spki, call, operatorSignature(key, call))).toBe(false)
    }),
    { numRuns: 20 },
  )
})

test("text moved from one signed field into its neighbour is another signature", () => {
  const fields = { nonce: "n", relayUrl: "https://r", cluster: "edge", instance: "1pod" }
  expect(
    challengeAnswerHolds(spki, { ...fields, cluster: "edge1", instance: "pod" }, challengeAnswer(key, fields)),
  ).toBe(false)
})

describe("messages of enrolment", () => {
  const request = { cluster: "edge-1", token: "t", document: "d", proof: "A".repeat(86) }
  test("are decoded", () => {
    expect(decodeJoinRequest(JSON.stringify(request))).toEqual(Either.right(request))
    expect(Either.isRight(decodeOperatorNonce(JSON.stringify({ nonce: newSecret(), expiresInSeconds: 60 })))).toBe(true)
  })
  test.each([
    ["a token that is too long", { ...request, token: "t".repeat(513) }],
    ["a proof of another length", { ...request, proof: "A" }],
    ["no document", { ...request, document: undefined }],
  ])("are refused with %s", (_, changed) => {
    expect(Either.isLeft(decodeJoinRequest(JSON.stringify(changed)))).toBe(true)
  })
  test("never quote the token in a refusal", () => {
    const refused = Either.flip(decodeJoinRequest(JSON.stringify({ ...request, token: ["cc-very-secret"] })))
    expect(Either.getOrThrow(refused).message).not.toContain("cc-very-secret")
  })
})
