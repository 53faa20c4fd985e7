import fc from "fast-check"
import { type ByteEdit, byteEdits } from "./byteEdits.ts"
import { type TokenPlan, tokenPlan } from "./tokenPlan.ts"

export interface RequestPlan {
  readonly method: string
  /** `MARK` stands for the attempt's mark. */
  readonly target: string
  readonly version: string
  readonly token: TokenPlan
  readonly credential: "authorization" | "subprotocol" | "both" | "twice" | "basic" | "none"
  /** Lines behind Host, mark and credential. */
  readonly lines: readonly string[]
  readonly body: "none" | "review" | "chunked" | "smuggled" | "bytes"
  readonly bytes: Uint8Array
  readonly edits: readonly ByteEdit[]
}

/** One connection of an attacker with a valid account. */
export interface ConnectionPlan {
  readonly kind: "requests"
  readonly requests: readonly RequestPlan[]
  /** All in one write, one write for each answer, or cut in pieces at these shares of the length. */
  readonly delivery: "together" | "in-turn" | "in-pieces"
  readonly cuts: readonly number[]
}

const paths = [
  "/api?mark=MARK",
  "/version?mark=MARK",
  "/apis?mark=MARK",
  "/api/v1/namespaces/default/pods?mark=MARK",
  "/api/v1/secrets?mark=MARK",
  "/api/v1/configmaps?watch=1&timeoutSeconds=1&mark=MARK",
  "/api/v1/namespaces/default/pods/p/exec?command=id&mark=MARK",
  "/api/v1/nodes/n/proxy/run?mark=MARK",
  "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews?mark=MARK",
  "/apis/authentication.k8s.io/v1/selfsubjectreviews?mark=MARK",
]
const path = fc.constantFrom(...paths)
const target = fc.oneof(
  { weight: 20, arbitrary: path },
  { weight: 1, arbitrary: path.map((text) => `https://kubernetes.default.svc${text}`) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom("//api", "*", "/api/../version", "/api/%2e%2e/x", "/a\\b", "/api#x", "")
      .map((text) => `${text}?mark=MARK`),
  },
  { weight: 1, arbitrary: fc.tuple(path, fc.string({ maxLength: 6 })).map(([text, more]) => text + more) },
)
const value = fc.oneof(
  fc.constantFrom(
    "system:admin",
    "system:masters",
    "root",
    "",
    " ",
    "chunked",
    "identity",
    "0",
    "2",
    "close",
    "203.0.113.66",
  ),
  fc.string({ unit: "binary", maxLength: 20 }),
)
const name = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...["Impersonate-User", "impersonate-group", "IMPERSONATE-UID", "Impersonate_User", "Impersonate-Extra-a"],
      ...["Impersonate-Extra-clusterconnect.dev%2Ftoken-id", "X-Remote-User", "X-Remote-Group", "X-Forwarded-For"],
      ...["Forwarded", "X-Real-Ip", "Authorization", "Host", "Content-Length", "Transfer-Encoding", "TE", "Trailer"],
      ...["Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Upgrade", "Expect", "Audit-ID"],
      ...["Accept", "Cookie", "Origin", "Content-Type", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol"],
    ),
  },
  { weight: 1, arbitrary: fc.string({ minLength: 1, maxLength: 12 }) },
)
const line = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(name, value).map(([left, right]) => `${left}: ${right}`) },
  { weight: 1, arbitrary: fc.tuple(name, name).map(([left, right]) => `Connection: ${left}, ${right}`) },
  { weight: 1, arbitrary: fc.tuple(name, value).map(([left, right]) => `${left} : ${right}`) },
  { weight: 1, arbitrary: fc.tuple(name, value).map(([left, right]) => `X: y\r\n ${left}: ${right}`) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "Connection: Upgrade\r\nUpgrade: SPDY/3.1",
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
    ),
  },
)

const requestPlan: fc.Arbitrary<RequestPlan> = fc.record({
  method: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom("GET", "GET", "POST") },
    {
      weight: 1,
      arbitrary: fc.constantFrom("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get", "X"),
    },
  ),
  target,
  version: fc.oneof(
    { weight: 60, arbitrary: fc.constant("HTTP/1.1") },
    { weight: 1, arbitrary: fc.constantFrom("HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "") },
  ),
  token: tokenPlan,
  credential: fc.oneof(
    { weight: 20, arbitrary: fc.constant("authorization" as const) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "subprotocol" as const,
        "both" as const,
        "twice" as const,
        "basic" as const,
        "none" as const,
      ),
    },
  ),
  lines: fc.oneof(
    { weight: 9, arbitrary: fc.constant<string[]>([]) },
    { weight: 3, arbitrary: fc.array(line, { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.array(line, { minLength: 2, maxLength: 4 }) },
  ),
  body: fc.oneof(
    { weight: 8, arbitrary: fc.constant("none" as const) },
    { weight: 4, arbitrary: fc.constantFrom("review" as const, "chunked" as const) },
    { weight: 1, arbitrary: fc.constantFrom("smuggled" as const, "bytes" as const) },
  ),
  bytes: fc.uint8Array({ maxLength: 64 }),
  edits: byteEdits,
})

export const connectionPlan: fc.Arbitrary<ConnectionPlan> = fc.record({
  kind: fc.constant("requests" as const),
  requests: fc.array(requestPlan, { minLength: 1, maxLength: 4 }),
  delivery: fc.constantFrom("together", "in-turn", "in-turn", "in-pieces"),
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 6 }),
})
