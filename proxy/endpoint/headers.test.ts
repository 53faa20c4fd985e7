import { describe, expect, test } from "bun:test"
import { framing, requestHeaders, responseHeaders, upgradeHeaders } from "./headers.ts"

const forwarding = {
  host: "edge-1.clusterconnect.internal",
  token: "T",
  body: { kind: "none" as const },
  upgrade: undefined,
}

describe("request headers", () => {
  test("keep lines separate and in order, with the caller's token in place of the session credential", () => {
    const sent = requestHeaders(
      [
        "Host",
        "127.0.0.1:1",
        "Impersonate-User",
        "u",
        "Impersonate-Group",
        "a, b",
        "Impersonate-Group",
        "c",
        "Authorization",
        "Bearer S",
        "X-É",
        "h\xc3\xa9",
      ],
      forwarding,
    )
    expect(sent).toEqual([
      ...[
        "Host",
        "edge-1.clusterconnect.internal",
        "Impersonate-User",
        "u",
        "Impersonate-Group",
        "a, b",
        "Impersonate-Group",
        "c",
      ],
      ...["X-É", "h\xc3\xa9", "Authorization", "Bearer T", "Connection", "keep-alive"],
    ])
  })
  test("leave out what belongs to one connection, what Connection names, proxy headers and cookies", () => {
    const sent = requestHeaders(
      [
        "Connection",
        "X-Hop, close",
        "X-Hop",
        "1",
        "Keep-Alive",
        "a",
        "TE",
        "trailers",
        "Trailer",
        "x",
        "Upgrade",
        "h2c",
        "Proxy-Authorization",
        "p",
        "proxy-connection",
        "k",
        "Expect",
        "100-continue",
        "Cookie",
        "c",
        "Transfer-Encoding",
        "chunked",
        "Content-Length",
        "9",
        "X-Kept",
        "1",
      ],
      forwarding,
    )
    expect(sent.filter((_, index) => index % 2 === 0)).toEqual(["Host", "X-Kept", "Authorization", "Connection"])
  })
  test("frame the body anew and write an upgrade themselves", () => {
    expect(requestHeaders([], { ...forwarding, body: { kind: "chunked" } })).toContain("Transfer-Encoding")
    expect(requestHeaders([], { ...forwarding, body: { kind: "length", bytes: "9" } }).slice(-4)).toEqual([
      "Content-Length",
      "9",
      "Connection",
      "keep-alive",
    ])
    expect(requestHeaders([], { ...forwarding, upgrade: "SPDY/3.1" }).slice(-4)).toEqual([
      "Connection",
      "Upgrade",
      "Upgrade",
      "SPDY/3.1",
    ])
  })
  test("lose the bearer subprotocol and nothing beside it", () => {
    const bearer = "base64url.bearer.authorization.k8s.io.UzI"
    expect(requestHeaders(["Sec-WebSocket-Protocol", `a, ${bearer},b`], forwarding)).toContain("a, b")
    expect(requestHeaders(["Sec-WebSocket-Protocol", bearer], forwarding)).not.toContain("Sec-WebSocket-Protocol")
  })
})

test("a request without a body is framed so that nobody waits for one", () => {
  expect(framing("GET", undefined, undefined)).toEqual({ kind: "none" })
  expect(framing("DELETE", undefined, undefined)).toEqual({ kind: "none" })
  expect(framing("POST", undefined, undefined)).toEqual({ kind: "length", bytes: "0" })
  expect(framing("POST", "7", undefined)).toEqual({ kind: "length", bytes: "7" })
  expect(framing("PATCH", undefined, "chunked")).toEqual({ kind: "chunked" })
})

const timings = { "cc-proxy": 1, "cc-path": 2 }
const ours = ["Server-Timing", "cc-proxy;dur=1.0, cc-path;dur=2.0"]

describe("response headers", () => {
  test("keep lines separate, the length and our own Retry-After-free honesty: the API server's passes", () => {
    expect(
      responseHeaders(
        [
          "Warning",
          "a",
          "Warning",
          "b",
          "Content-Length",
          "3",
          "Retry-After",
          "1",
          "Connection",
          "X-Hop",
          "X-Hop",
          "1",
          "Transfer-Encoding",
          "chunked",
          "Keep-Alive",
          "timeout=5",
        ],
        timings,
      ),
    ).toEqual(["Warning", "a", "Warning", "b", "Content-Length", "3", "Retry-After", "1", ...ours])
  })
  test("are not encoded twice, and hold nothing that a header cannot", () => {
    expect(responseHeaders(["W", Buffer.from("é 你", "utf8").toString("latin1")], timings)).toEqual([
      "W",
      "é ?",
      ...ours,
    ])
  })
})

test("a 101 keeps Connection and Upgrade and has no framing", () => {
  expect(
    upgradeHeaders(
      ["Connection", "Upgrade", "Upgrade", "SPDY/3.1", "Content-Length", "0", "X-A", "1", "X-A", "2"],
      timings,
    ),
  ).toEqual(["Connection", "Upgrade", "Upgrade", "SPDY/3.1", "X-A", "1", "X-A", "2", ...ours])
})
