import { expect, test } from "bun:test"
import { LastFrame } from "./LastFrame.ts"

const close = (code: number, reason = "") => {
  const frame = Buffer.alloc(4 + reason.length)
  frame.writeUInt16BE(0x8800 + 2 + reason.length)
  frame.writeUInt16BE(code, 2)
  frame.write(reason, 4)
  return frame
}
const goAway = Buffer.from([0x80, 3, 0, 7, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0])
const data = Buffer.from([0x82, 3, 1, 0x61, 0x62])

test.each<[string, readonly Buffer[], string | undefined]>([
  ["a closing frame", [data, close(1000)], "websocket-close"],
  ["one in the same chunk as data", [Buffer.concat([data, close(1000)])], "websocket-close"],
  ["one in pieces", [data, close(1000).subarray(0, 1), close(1000).subarray(1)], "websocket-close"],
  ["one with the longest reason", [data, close(1000, "x".repeat(123))], "websocket-close"],
  ["SPDY's go away", [data, goAway], "spdy-goaway"],
  ["SPDY's go away in pieces", [goAway.subarray(0, 9), goAway.subarray(9)], "spdy-goaway"],
  ["nothing", [], undefined],
  ["data", [data], undefined],
  ["data behind a closing frame", [close(1000), data], undefined],
  ["a closing frame that is cut", [data, close(1000).subarray(0, 3)], undefined],
  ["a protocol error", [data, close(1002)], undefined],
  ["an error of the server's", [data, close(1011, "error")], undefined],
  ["SPDY's go away that is cut", [goAway.subarray(0, 15)], undefined],
])("the last word of a session that ends with %s", (_, chunks, expected) => {
  const last = new LastFrame()
  for (const chunk of chunks) last.heard(chunk)
  expect(last.word).toBe(expected as never)
})
