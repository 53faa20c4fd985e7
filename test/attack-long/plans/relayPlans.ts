import fc from "fast-check"
import type { Frame } from "../../../protocol/frame.ts"
import { type ByteEdit, byteEdits } from "./byteEdits.ts"

/** Which token a request to the relay carries. */
export type RelayCredential = "relay" | "cluster" | "expired" | "noise" | "none"

/** A request to the relay's public port, written as bytes. */
export interface RelayRequestPlan {
  readonly kind: "relay"
  readonly method: string
  readonly target: string
  readonly credential: RelayCredential
  readonly lines: readonly string[]
  readonly body: Uint8Array
  readonly length: "right" | "wrong" | "none" | "chunked"
  readonly edits: readonly ByteEdit[]
}

/** Messages of a user's half of a carrier, from somebody who may open it. */
export interface CarrierPlan {
  readonly kind: "carrier"
  readonly opened: boolean
  readonly messages: readonly MessagePlan[]
}
export type MessagePlan =
  | { readonly kind: "frame"; readonly frame: Frame; readonly edits: readonly ByteEdit[] }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "text"; readonly text: string }

/** Messages of somebody who has no session key, on a control session. */
export interface ControlPlan {
  readonly kind: "control"
  readonly waits: boolean
  readonly messages: readonly ControlMessage[]
}
export type ControlMessage =
  | { readonly kind: "hello"; readonly change: Readonly<Record<string, unknown>> }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }

const targets = [
  ...["/v1/clusters", "/v1/clusters/edge-1", "/v1/clusters/edge-1/stream", "/v1/clusters/edge-1/document"],
  ...["/v1/clusters/edge-1/sessions", "/v1/clusters/edge-1/registration", "/v1/clusters/x/stream", "/v1/join"],
  ...["/v1/challenge", "/v1/agents/control", "/v1/agents/carrier", "/openapi.json", "/livez", "/download/x"],
  ...["/v1/admin/clusters", "/v1/admin/tokens", "/v1/admin/callers", "/v1/admin/registrations"],
  ...["/v1/admin/callers/revoke", "/v1/admin/clusters/edge-1/token", "/v1/admin/clusters/edge-1/keys", "/metrics"],
  ...["/download/../../etc/passwd", "/download/%2e%2e%2fx", "/v1//clusters", "/v1/clusters/../admin/tokens", "*", ""],
]
const lines = [
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: v1.stream.clusterconnect.dev",
  "Sec-WebSocket-Protocol: v1.control.clusterconnect.dev",
  "Clusterconnect-Instance: 127.0.0.1:1#nonce",
  "Clusterconnect-Ticket: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  "Clusterconnect-Session: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  "Clusterconnect-Replica: local",
  "Clusterconnect-Nonce: AAAA",
  "Clusterconnect-Signature: AAAA",
  "X-Forwarded-For: 127.0.0.1",
  "Content-Type: application/json",
  "Expect: 100-continue",
  "Content-Length: 0",
]
const body = fc.oneof(
  { weight: 4, arbitrary: fc.constant(new Uint8Array(0)) },
  fc.json({ maxDepth: 2 }).map((text) => Buffer.from(text)),
  fc
    .record({
      cluster: fc.constantFrom("edge-1", "x"),
      token: fc.string(),
      document: fc.string(),
      signature: fc.string(),
    })
    .map((value) => Buffer.from(JSON.stringify(value))),
  fc.uint8Array({ maxLength: 300 }),
)

export const relayRequestPlan: fc.Arbitrary<RelayRequestPlan> = fc.record({
  kind: fc.constant("relay" as const),
  method: fc.constantFrom("GET", "GET", "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT"),
  target: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...targets) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constantFrom(...targets), fc.string({ maxLength: 8 })).map((two) => two.join("")),
    },
  ),
  credential: fc.constantFrom("relay", "relay", "cluster", "expired", "noise", "none"),
  lines: fc.array(
    fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom(...lines) },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 30 }) },
    ),
    { maxLength: 3 },
  ),
  body,
  length: fc.constantFrom("right", "right", "right", "none", "none", "chunked", "wrong"),
  edits: byteEdits,
})

const offset = fc.oneof(fc.integer({ min: 0, max: 400_000 }), fc.constantFrom(0, 2 ** 32, 2 ** 53 - 1, 2 ** 53))
const id = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const opening = {
  streamId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  resumeSecret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  receivedOffset: offset,
  creditLimit: offset,
}
const payload = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 100 }),
  // The beginning of a TLS hello, and of a request for whoever would read it without TLS.
  fc
    .constantFrom("\x16\x03\x01\x02\x00\x01\x00", "GET /api HTTP/1.1\r\nHost: x\r\n\r\n")
    .map((text) => Buffer.from(text, "latin1")),
  fc.constant(new Uint8Array(65_536)),
)
const frame: fc.Arbitrary<Frame> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("data" as const), offset, payload }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("ack" as const),
      receivedOffset: offset,
      end: fc.constantFrom("none", "fin", "reset"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("credit" as const), limit: offset }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("fin" as const), offset }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("reset" as const),
      offset,
      reason: fc.constantFrom("x", "tls-failed", "a".repeat(128)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("ping" as const, "pong" as const), id }) },
  { weight: 1, arbitrary: fc.constant({ type: "drain" as const }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("open" as const), generation: fc.constant(1), ...opening }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("resume" as const),
      generation: fc.integer({ min: 2, max: 2 ** 32 - 1 }),
      ...opening,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("accepted" as const),
      receivedOffset: offset,
      creditLimit: offset,
      instance: fc.constant("x:1#y"),
    }),
  },
)
const message: fc.Arbitrary<MessagePlan> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("frame" as const), frame, edits: byteEdits }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("bytes" as const), bytes: fc.uint8Array({ maxLength: 100 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("text" as const), text: fc.string({ maxLength: 50 }) }) },
)

export const carrierPlan: fc.Arbitrary<CarrierPlan> = fc.record({
  kind: fc.constant("carrier" as const),
  opened: fc.constantFrom(true, true, true, false),
  messages: fc.array(message, { minLength: 1, maxLength: 12 }),
})

export const controlPlan: fc.Arbitrary<ControlPlan> = fc.record({
  kind: fc.constant("control" as const),
  waits: fc.boolean(),
  messages: fc.array(
    fc.oneof(
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("hello" as const),
          change: fc.dictionary(
            fc.constantFrom("cluster", "instance", "document", "sessionKey", "signature", "version", "type", "x"),
            fc.oneof(fc.string(), fc.constantFrom("edge-1", "edge-2", "welcome"), fc.jsonValue()),
            { maxKeys: 2 },
          ),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant("text" as const),
          text: fc.oneof(
            fc.json(),
            fc.constantFrom(
              '{"type":"ping","id":1}',
              '{"type":"draining"}',
              '{"type":"dialFailed","ticket":"A","reason":"instance"}',
            ),
            fc.string(),
          ),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant("bytes" as const), bytes: fc.uint8Array({ maxLength: 50 }) }),
      },
    ),
    { minLength: 1, maxLength: 6 },
  ),
})
