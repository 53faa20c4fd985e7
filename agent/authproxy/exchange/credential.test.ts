import { describe, expect, test } from "bun:test"
import { incoming, verdict } from "../testing/incoming.ts"
import { bearerSubprotocol, credential } from "./credential.ts"
import type { UpgradeProtocol } from "./framing.ts"

const protocolOf = (token: string) => `${bearerSubprotocol}${Buffer.from(token).toString("base64url")}`
const read = (lines: readonly (readonly [string, string])[], upgrade?: UpgradeProtocol) =>
  credential(incoming({ lines }), upgrade)
const found = (lines: readonly (readonly [string, string])[], upgrade?: UpgradeProtocol) => {
  const result = read(lines, upgrade)
  return result._tag === "Right" ? result.right : undefined
}

test("a bearer token is taken from Authorization, whatever the case of the scheme", () => {
  expect(found([["Authorization", "Bearer a.b.c"]])?.token).toBe("a.b.c")
  expect(found([["authorization", "bearer a.b.c"]])?.token).toBe("a.b.c")
})

test("S10: a bearer subprotocol is taken as the token, and only the other protocols go on", () => {
  const lines = [["Sec-WebSocket-Protocol", `v5.channel.k8s.io, ${protocolOf("a.b.c")},v4.channel.k8s.io`]] as const
  expect(found(lines, "websocket")).toEqual({
    token: "a.b.c",
    subprotocols: ["v5.channel.k8s.io", "v4.channel.k8s.io"],
  })
})

test("S10: the same over several header lines", () => {
  const lines = [
    ["Sec-WebSocket-Protocol", "v5.channel.k8s.io"],
    ["sec-websocket-protocol", protocolOf("a.b.c")],
  ] as const
  expect(found(lines, "websocket")).toEqual({ token: "a.b.c", subprotocols: ["v5.channel.k8s.io"] })
})

test("with Authorization, all subprotocols go on", () => {
  const lines = [
    ["Authorization", "Bearer a"],
    ["Sec-WebSocket-Protocol", "v5.channel.k8s.io"],
  ] as const
  expect(found(lines, "websocket")).toEqual({ token: "a", subprotocols: ["v5.channel.k8s.io"] })
})

describe("refused is", () => {
  const other = "v5.channel.k8s.io"
  test.each([
    ["no credential", [], undefined, "TokenMissing"],
    [
      "a subprotocol token on a plain request",
      [["Sec-WebSocket-Protocol", `${protocolOf("a")}, ${other}`]],
      undefined,
      "TokenMissing",
    ],
    [
      "a subprotocol token on a SPDY upgrade",
      [["Sec-WebSocket-Protocol", `${protocolOf("a")}, ${other}`]],
      "SPDY/3.1",
      "TokenMissing",
    ],
    ["Basic", [["Authorization", "Basic YTpi"]], undefined, "AuthorizationNotBearer"],
    ["an empty token", [["Authorization", "Bearer "]], undefined, "AuthorizationNotBearer"],
    ["two blanks", [["Authorization", "Bearer  a"]], undefined, "AuthorizationNotBearer"],
    ["a blank in the token", [["Authorization", "Bearer a b"]], undefined, "AuthorizationNotBearer"],
    ["two tokens in one line", [["Authorization", "Bearer a, Bearer b"]], undefined, "AuthorizationNotBearer"],
    [
      "both kinds",
      [
        ["Authorization", "Bearer a"],
        ["Sec-WebSocket-Protocol", `${protocolOf("a")}, ${other}`],
      ],
      "websocket",
      "TwoCredentials",
    ],
    [
      "two subprotocol tokens",
      [["Sec-WebSocket-Protocol", `${protocolOf("a")}, ${protocolOf("b")}, ${other}`]],
      "websocket",
      "TwoCredentials",
    ],
    ["a subprotocol token alone", [["Sec-WebSocket-Protocol", protocolOf("a")]], "websocket", "SubprotocolMissing"],
    [
      "an empty subprotocol token",
      [["Sec-WebSocket-Protocol", `${bearerSubprotocol}, ${other}`]],
      "websocket",
      "SubprotocolTokenMalformed",
    ],
    [
      "padding",
      [["Sec-WebSocket-Protocol", `${protocolOf("a")}==, ${other}`]],
      "websocket",
      "SubprotocolTokenMalformed",
    ],
    [
      "control characters",
      [["Sec-WebSocket-Protocol", `${protocolOf("a\r\nb")}, ${other}`]],
      "websocket",
      "SubprotocolTokenMalformed",
    ],
  ] as const)("%s", (_, lines, upgrade, cause) => expect(verdict(read(lines, upgrade))).toBe(cause))
})

test("a refusal never quotes the credential", () => {
  for (const lines of [
    [["Authorization", "Basic c2VjcmV0"]],
    [["Sec-WebSocket-Protocol", `${bearerSubprotocol}c2VjcmV0=, v5`]],
  ] as const) {
    const refused = read(lines, "websocket")
    expect(JSON.stringify(refused)).not.toContain("c2VjcmV0")
  }
})
