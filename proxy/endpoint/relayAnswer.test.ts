/** The auth proxy of a cluster is the cluster's: whatever it answers may spoil its own request and nothing else of this process. */
import { describe, expect, test } from "bun:test"
import { once } from "node:events"
import { endpointBench } from "../testing/endpointBench.ts"
import type { FarEnd } from "../testing/FarEnd.ts"
import { credential, type NearEnd } from "../testing/NearEnd.ts"

let far: FarEnd
let near: NearEnd
endpointBench((ownFar, ownNear) => {
  far = ownFar
  near = ownNear
})

const whole = "Content-Length: 2\r\n\r\n{}"
const ways = [
  ["a plain request", ""],
  ["an upgrade", "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"],
] as const

/** All that a local client gets for an answer of these bytes (latin1) from the far end. */
const passedOn = async (bytes: string, upgrade: string): Promise<string> => {
  far.handle = (req) => void req.socket.write(bytes, "latin1")
  // Nobody at this far end reads on behind an upgrade that was asked for.
  far.handleUpgrade = (_req, socket) => void socket.end(bytes, "latin1")
  const socket = near.dial().on("error", () => {})
  const closing = upgrade === "" ? "Connection: close\r\n" : upgrade
  let text = ""
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1")
  })
  const ended = once(socket, "end")
  socket.write(`GET /api HTTP/1.1\r\nHost: ${near.host}\r\nAuthorization: Bearer ${credential}\r\n${closing}\r\n`)
  await ended
  socket.destroy()
  return text
}

/** Controls, what ends or parts lines and lists, DEL, C1 controls, and what is no UTF-8. */
const oddBytes = [...'\0\x01\b\t\n\v\r\x1b "(),:;=\x7f\x80\x85\x9f\xa0\xad\xc2\xff']

const causeOf = (text: string) => /"ClusterConnectCause","message":"(\w+)"/.exec(text)?.[1]
const statusLine = (text: string) => text.slice(0, text.indexOf("\r\n"))

describe.each(ways)("the answer to %s", (_, upgrade) => {
  // 600 to 999 are no status codes either (RFC 9110 section 15); a client takes them for what it likes.
  test.each(["000", "099", "600", "999"])("whose status %s is none is a 502 by name", async (code) => {
    const text = await passedOn(`HTTP/1.1 ${code} Odd\r\n${whole}`, upgrade)
    expect([statusLine(text), causeOf(text)]).toEqual(["HTTP/1.1 502 Bad Gateway", "AnswerMalformed"])
    expect(text).toContain("edge-1")
    expect(text).not.toContain("Odd")
  })
  test("that switches protocols without saying to which is a 502 by name", async () => {
    const text = await passedOn("HTTP/1.1 101 Switching Protocols\r\n\r\n", upgrade)
    expect([statusLine(text), causeOf(text)]).toEqual(["HTTP/1.1 502 Bad Gateway", "AnswerMalformed"])
  })
  test.each(["O\x01K", "a\0b", "a\x7fb", "\xc3\xa4\xff", "a\tb", "Not at all", ""])(
    "keeps its status and not its reason phrase: %j",
    async (reason) => {
      const text = await passedOn(`HTTP/1.1 404 ${reason}\r\n${whole}`, upgrade)
      expect(statusLine(text)).toBe("HTTP/1.1 404 Not Found")
      expect(text).toEndWith("{}")
    },
  )
  test.each([200, 299, 418, 499, 599])("with status %i passes, known to us or not", async (code) => {
    const text = await passedOn(`HTTP/1.1 ${code} Odd\r\n${whole}`, upgrade)
    expect(text).toStartWith(`HTTP/1.1 ${code} `)
    expect(text).not.toContain("Odd")
    expect(text).toEndWith("{}")
  })
  test("after informational ones is the one that counts", async () => {
    const hints = "HTTP/1.1 103 Early Hints\r\nLink: a\x85b\r\n\r\nHTTP/1.1 100 Go\r\n\r\n"
    const text = await passedOn(`${hints}HTTP/1.1 200 OK\r\n${whole}`, upgrade)
    expect([statusLine(text), text.includes("Link")]).toEqual(["HTTP/1.1 200 OK", false])
  })
  test("loses its trailers and not its end", async () => {
    const chunked = "Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n\r\n"
    const text = await passedOn(`HTTP/1.1 200 OK\r\n${chunked}`, upgrade)
    expect(text).toEndWith("0\r\n\r\n")
    expect(text).not.toContain("X: y")
  })
  test.each([
    ["in a value", (byte: string) => `X-A: a${byte}b`],
    ["in a name", (byte: string) => `X${byte}A: b`],
    ["in timings", (byte: string) => `Server-Timing: a${byte};dur=1`],
  ])("may have any byte %s: it comes, or it is refused by name", async (_where, line) => {
    for (const byte of oddBytes) {
      const text = await passedOn(`HTTP/1.1 200 OK\r\n${line(byte)}\r\n${whole}`, upgrade)
      expect([byte, statusLine(text) === "HTTP/1.1 200 OK" || causeOf(text) !== undefined]).toEqual([byte, true])
    }
  })
})
