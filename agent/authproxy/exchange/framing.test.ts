import { describe, expect, test } from "bun:test"
import { incoming, verdict } from "../testing/incoming.ts"
import { framing } from "./framing.ts"

const judged = (lines: readonly (readonly [string, string])[], upgrade = false) =>
  verdict(framing(incoming({ method: "POST", lines, upgrade })))
const accepted = (lines: readonly (readonly [string, string])[], upgrade = false) => {
  const result = framing(incoming({ method: "POST", lines, upgrade }))
  return result._tag === "Right" ? result.right : undefined
}

describe("S8: refused is", () => {
  test.each([
    [
      "Transfer-Encoding beside Content-Length",
      [
        ["Transfer-Encoding", "chunked"],
        ["Content-Length", "4"],
      ],
      "TransferEncodingRefused",
    ],
    [
      "two equal Content-Length",
      [
        ["Content-Length", "4"],
        ["Content-Length", "4"],
      ],
      "DuplicateHeader",
    ],
    [
      "two different Content-Length",
      [
        ["Content-Length", "4"],
        ["content-length", "5"],
      ],
      "DuplicateHeader",
    ],
    [
      "two Transfer-Encoding",
      [
        ["Transfer-Encoding", "chunked"],
        ["Transfer-Encoding", "identity"],
      ],
      "DuplicateHeader",
    ],
    ["gzip, chunked", [["Transfer-Encoding", "gzip, chunked"]], "TransferEncodingRefused"],
    ["xchunked", [["Transfer-Encoding", "xchunked"]], "TransferEncodingRefused"],
    ["chunked with a capital", [["Transfer-Encoding", "Chunked"]], "TransferEncodingRefused"],
    ["chunked twice", [["Transfer-Encoding", "chunked, chunked"]], "TransferEncodingRefused"],
    ["identity", [["Transfer-Encoding", "identity"]], "TransferEncodingRefused"],
    ["an empty Transfer-Encoding", [["Transfer-Encoding", ""]], "TransferEncodingRefused"],
    ["a signed Content-Length", [["Content-Length", "+4"]], "ContentLengthRefused"],
    ["a list of lengths", [["Content-Length", "4, 4"]], "ContentLengthRefused"],
    ["a hexadecimal length", [["Content-Length", "0x4"]], "ContentLengthRefused"],
    ["an empty length", [["Content-Length", ""]], "ContentLengthRefused"],
    ["a length beyond what can be counted", [["Content-Length", "99999999999999999999"]], "ContentLengthRefused"],
    ["a second Host", [["host", "other"]], "DuplicateHeader"],
    [
      "a second Authorization",
      [
        ["Authorization", "Bearer a"],
        ["authorization", "Bearer b"],
      ],
      "DuplicateHeader",
    ],
    [
      "a second Upgrade",
      [
        ["Upgrade", "websocket"],
        ["Upgrade", "SPDY/3.1"],
      ],
      "DuplicateHeader",
    ],
    [
      "a second Sec-WebSocket-Key",
      [
        ["Sec-WebSocket-Key", "a"],
        ["Sec-WebSocket-Key", "b"],
      ],
      "DuplicateHeader",
    ],
  ] as const)("%s", (_, lines, cause) => expect(judged(lines)).toBe(cause))
})

test.each([[[]], [["Host", ""]], [["Host", " "]]])("a request without a Host is refused (%j)", (rawHeaders) =>
  expect(verdict(framing(incoming({ rawHeaders })))).toBe("HostMissing"),
)

test("a body is known by its length or its chunks", () => {
  expect(accepted([["Content-Length", "12"]])?.body).toEqual({ kind: "length", bytes: 12 })
  expect(accepted([["Transfer-Encoding", "chunked"]])?.body).toEqual({ kind: "chunked" })
  expect(accepted([])?.body).toEqual({ kind: "none" })
})

describe("an upgrade", () => {
  const asking = (protocol: string, ...lines: (readonly [string, string])[]) =>
    [["Connection", "Upgrade"], ["Upgrade", protocol], ...lines] as const

  test("to websocket or SPDY/3.1 passes, in any case", () => {
    expect(accepted(asking("WebSocket"), true)?.upgrade).toBe("websocket")
    expect(accepted(asking("spdy/3.1"), true)?.upgrade).toBe("SPDY/3.1")
    expect(accepted(asking("SPDY/3.1", ["Content-Length", "0"]), true)?.upgrade).toBe("SPDY/3.1")
  })
  test.each(["h2c", "HTTP/2.0", "TLS/1.0", "websocket, h2c", "SPDY/3", ""])("to %p is refused", (protocol) =>
    expect(judged(asking(protocol), true)).toBe("UpgradeProtocolRefused"),
  )
  test("with a body is refused", () => {
    expect(judged(asking("websocket", ["Content-Length", "5"]), true)).toBe("UpgradeWithBody")
    expect(judged(asking("websocket", ["Transfer-Encoding", "chunked"]), true)).toBe("UpgradeWithBody")
  })
  test("whose Connection does not name it is refused", () =>
    expect(
      judged(
        [
          ["Upgrade", "websocket"],
          ["Connection", "close"],
        ],
        true,
      ),
    ).toBe("UpgradeProtocolRefused"))
  test("that Connection does not name and that came as a plain request is none", () =>
    expect(accepted([["Upgrade", "h2c"]])?.upgrade).toBeUndefined())
})
