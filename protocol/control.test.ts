import { describe, expect, test } from "bun:test"
import { Either } from "effect"
import {
  type Dial,
  type DialFailure,
  decodeConnectionInformation,
  decodeFromAgent,
  decodeFromRelay,
  encodeMessage,
  type FromAgent,
  type FromRelay,
  maxControlBytes,
} from "./control.ts"
import { maxDocumentBytes } from "./document.ts"
import { newKey, spkiOf } from "./keys.ts"
import { newSecret } from "./ticket.ts"

const dial: Dial = {
  type: "dial",
  ticket: newSecret(),
  replica: "relay-0",
  instance: "10.0.0.7:8443#nonce_1-2",
  protocols: ["v1.stream.clusterconnect.dev"],
  callerHash: newSecret(),
  clientAddress: "2001:db8::1",
}
const fromRelay: readonly FromRelay[] = [
  { type: "challenge", nonce: newSecret(), relayUrl: "https://relay.example.com", version: "1.2.3" },
  { type: "welcome", sessionSecret: newSecret(), replica: "relay-0" },
  { type: "refused", cause: "NotRegistered", message: "the cluster is not registered" },
  dial,
  { type: "ping", id: 1 },
  { type: "pong", id: 1 },
]
const fromAgent: readonly FromAgent[] = [
  {
    type: "hello",
    version: "1.2.3",
    cluster: "edge-1",
    instance: "pod-1.abc",
    document: "x".repeat(maxDocumentBytes),
    sessionKey: spkiOf(newKey()),
    signature: "A".repeat(86),
  },
  { type: "dialFailed", ticket: newSecret(), reason: "instance" },
  { type: "draining" },
  { type: "ping", id: 0 },
  { type: "pong", id: 2 },
]

describe("control messages", () => {
  test.each(fromRelay.map((message) => [message.type, message] as const))("of the relay: %s", (_, message) => {
    expect(decodeFromRelay(encodeMessage(message))).toEqual(Either.right(message))
  })
  test.each(fromAgent.map((message) => [message.type, message] as const))("of the agent: %s", (_, message) => {
    expect(decodeFromAgent(encodeMessage(message))).toEqual(Either.right(message))
  })
  test("of one side are none of the other's, pings excepted", () => {
    for (const message of fromRelay)
      expect(Either.isRight(decodeFromAgent(encodeMessage(message)))).toBe(["ping", "pong"].includes(message.type))
  })
  test("may hold fields that a newer peer adds", () => {
    expect(decodeFromRelay(JSON.stringify({ ...dial, later: 1 }))).toEqual(Either.right(dial))
  })
  test("beyond the limit, of no known type, or no object are refused", () => {
    for (const text of [`"${"x".repeat(maxControlBytes)}"`, '{"type":"shutdown"}', "{}", "null", "[]", "ping", ""])
      expect(Either.isLeft(decodeFromRelay(text))).toBe(true)
  })
  test("never show a ticket or secret in the refusal", () => {
    const wrong = Either.flip(decodeFromRelay(JSON.stringify({ ...dial, replica: "" })))
    expect(Either.getOrThrow(wrong).message).not.toContain(dial.ticket)
  })
})

describe("a dial is refused with", () => {
  test.each([
    ["a caller hash that ends the header line", { callerHash: `${"A".repeat(43)}\r\nX: y` }],
    ["an address that ends the header line", { clientAddress: "10.0.0.1\r\nClusterconnect-Caller-Hash: x" }],
    ["no address", { clientAddress: "" }],
    ["a replica that ends the header line", { replica: "relay\r\nX: y" }],
    ["a protocol that is two", { protocols: ["a, b"] }],
    ["a protocol that ends the header line", { protocols: ["a\r\nX: y"] }],
    ["no protocol", { protocols: [] }],
    ["nine protocols", { protocols: Array.from({ length: 9 }, (_, n) => `p${n}`) }],
    ["a short ticket", { ticket: "AAAA" }],
    ["an instance without nonce", { instance: "10.0.0.7:8443" }],
    ["an instance with a path", { instance: "10.0.0.7:8443/x#n" }],
    ["an instance with a user", { instance: "a@10.0.0.7:8443#n" }],
    ["an instance that ends the header line", { instance: "10.0.0.7:8443#n\r\n" }],
    ["an undefined instance", { instance: null }],
  ])("%s", (_, change) => {
    expect(Either.isLeft(decodeFromRelay(JSON.stringify({ ...dial, ...change })))).toBe(true)
  })
  test.each(["10.0.0.7:8443#n", "[2001:db8::1]:8443#n", "[fe80::1%25eth0]:1#n", "auth-proxy.svc:8443#n"])(
    "nothing, when the instance is %s",
    (instance) => {
      expect(Either.isRight(decodeFromRelay(JSON.stringify({ ...dial, instance })))).toBe(true)
    },
  )
})

test("pings are numbered by exact integers", () => {
  for (const id of [-1, 1.5, 2 ** 53, "1", null])
    expect(Either.isLeft(decodeFromRelay(JSON.stringify({ type: "ping", id })))).toBe(true)
  expect(Either.isLeft(decodeFromRelay('{"type":"ping","id":1e999}'))).toBe(true)
})

test("the reasons of a failed dial are these, and no other is sent", () => {
  const reasons: readonly DialFailure[] = [
    "auth-proxy-unreachable",
    "auth-proxy-refused",
    "instance",
    "overloaded",
    "draining",
    "relay-unreachable",
  ]
  const failed = (reason: string) =>
    decodeFromAgent(JSON.stringify({ type: "dialFailed", ticket: dial.ticket, reason }))
  for (const reason of reasons) expect(Either.isRight(failed(reason))).toBe(true)
  expect(Either.isLeft(failed("because"))).toBe(true)
})

describe("connection information", () => {
  const information = { clusterName: "edge-1", document: "a.b", agentSessions: 2, streamProtocols: ["v1.stream"] }
  test("is decoded, without what is not of the schema", () => {
    const received = JSON.stringify({ ...information, issuer: "https://evil.example.com", audience: "x" })
    expect(decodeConnectionInformation(received)).toEqual(Either.right(information))
  })
  test.each([
    ["a document beyond its limit", { document: "x".repeat(maxDocumentBytes + 1) }],
    ["a negative number of sessions", { agentSessions: -1 }],
    ["protocols that are no tokens", { streamProtocols: ["a b"] }],
  ])("is refused with %s", (_, change) => {
    expect(Either.isLeft(decodeConnectionInformation(JSON.stringify({ ...information, ...change })))).toBe(true)
  })
})
