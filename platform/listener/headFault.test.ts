import { expect, test } from "bun:test"
import { faultText, headFault } from "./headFault.ts"

const head = (...lines: [string, string][]) => ({ rawHeaders: lines.flat(), httpVersion: "1.1", url: "/api" })
const host: [string, string] = ["Host", "relay"]

test("an ordinary head is accepted, chunked or with a length", () => {
  expect(headFault(head(host, ["Accept", "a"], ["Accept", "b"], ["Transfer-Encoding", "chunked"]))).toBeUndefined()
  expect(headFault(head(host, ["Content-Length", "3"]))).toBeUndefined()
})

test("a head without Host, or with an empty one, is refused", () => {
  expect(headFault(head())).toEqual({ fault: "MissingHost" })
  expect(headFault(head(["Host", ""]))).toEqual({ fault: "MissingHost" })
})

test.each([
  "Authorization",
  "HOST",
  "Content-Length",
  "Transfer-Encoding",
  "Upgrade",
  "Sec-WebSocket-Key",
  "Sec-WebSocket-Version",
])("two %s lines are refused, equal or not", (name) => {
  const others = name === "HOST" ? [] : [host]
  expect(headFault(head(...others, [name, "1"], [name.toLowerCase(), "1"]))).toEqual({
    fault: "DuplicateHeader",
    header: name.toLowerCase(),
  })
})

test.each(["gzip, chunked", "Chunked", "xchunked", "chunked ", "identity", ""])(
  "transfer encoding %p is refused",
  (encoding) => {
    expect(headFault(head(host, ["Transfer-Encoding", encoding]))).toEqual({ fault: "TransferEncoding" })
  },
)

test("a transfer encoding beside a length, or on HTTP/1.0, is refused", () => {
  expect(headFault(head(host, ["Transfer-Encoding", "chunked"], ["Content-Length", "3"]))?.fault).toBe(
    "TransferEncoding",
  )
  expect(headFault({ ...head(host, ["Transfer-Encoding", "chunked"]), httpVersion: "1.0" })?.fault).toBe(
    "TransferEncoding",
  )
})

test.each(["http://other/api", "*", "other:443", ""])("target %p is refused", (url) => {
  expect(headFault({ ...head(host), url })).toEqual({ fault: "TargetForm" })
})

test("every fault has a text", () => {
  for (const fault of ["MissingHost", "TransferEncoding", "TargetForm"] as const)
    expect(faultText({ fault })).not.toBe("")
  expect(faultText({ fault: "DuplicateHeader", header: "host" })).toContain("host")
})
