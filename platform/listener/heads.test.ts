import { describe, expect, test } from "bun:test"
import { listenerBench, received } from "../fixtures/listenerBench.ts"

const bench = listenerBench()
const { listening, secure } = bench

describe("a head that the parser lets through", () => {
  test.each([
    ["without Host", "GET /a HTTP/1.1\r\n\r\n", "no Host"],
    [
      "with two Authorization lines",
      "GET /a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer a\r\n\r\n",
      "authorization",
    ],
    [
      "with two equal lengths",
      "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
      "content-length",
    ],
    [
      "with a chain of encodings",
      "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "transfer encoding",
    ],
    ["with an absolute target", "GET http://evil/a HTTP/1.1\r\nHost: a\r\n\r\n", "absolute path"],
    [
      "of an upgrade with two keys",
      "GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: test\r\nSec-WebSocket-Key: a\r\nSec-WebSocket-Key: b\r\n\r\n",
      "sec-websocket-key",
    ],
    ["of a CONNECT", "CONNECT other:443 HTTP/1.1\r\nHost: other\r\n\r\n", "CONNECT"],
    [
      "that waits for 100 Continue without Host",
      "POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
      "no Host",
    ],
  ])("%s gets 400, the connection is closed, and the program never sees it", async (_, request, text) => {
    let seen = 0
    const listener = await listening({ onRequest: () => void seen++, onUpgrade: () => void seen++ })
    const socket = await secure(listener)
    socket.write(request)
    const answer = await received(socket)
    expect(answer).toStartWith("HTTP/1.1 400 ")
    expect(answer.toLowerCase()).toContain(text.toLowerCase())
    expect(seen).toBe(0)
  })

  test("gets the body that the program wants refusals to have", async () => {
    const listener = await listening({
      refusal: (message) => ({ contentType: "application/json", body: JSON.stringify({ message }) }),
    })
    const socket = await secure(listener)
    socket.write("GET /a HTTP/1.1\r\n\r\n")
    expect(await received(socket)).toContain('{"message":"the request has no Host header"}')
  })

  test("is answered 400 also when it is no HTTP at all", async () => {
    const socket = await secure(await listening())
    socket.write("nonsense\r\n\r\n")
    expect(await received(socket)).toStartWith("HTTP/1.1 400 ")
  })

  test("that expects 100 Continue gets it when it is good", async () => {
    const socket = await secure(await listening({ onRequest: (request, response) => request.pipe(response) }))
    socket.write("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    expect(await received(socket, "\r\n\r\n")).toStartWith("HTTP/1.1 100 Continue")
    socket.write("abc")
    expect(await received(socket, "abc")).toContain("200 OK")
  })
})
