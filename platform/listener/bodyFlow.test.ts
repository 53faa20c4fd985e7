import { expect, test } from "bun:test"
import { once } from "node:events"
import { listenerBench } from "../fixtures/listenerBench.ts"
import { holdBody, releaseBody, takeMore } from "./bodyFlow.ts"

const { listening, secure } = listenerBench()
const piece = Buffer.alloc(50_000)
const chunk = Buffer.concat([Buffer.from(`${piece.byteLength.toString(16)}\r\n`), piece, Buffer.from("\r\n")])
const bodyBytes = 40_000_000
/** Two reads of Bun's: the one that is taken apart, and the one that came before the socket stopped. */
const heldAtMost = 1_100_000

test("an upload whose reader takes one piece at a time is not gathered in memory, and comes whole", async () => {
  let taken = 0
  let held = 0
  const listener = await listening({
    onRequest: (request, response) => {
      let pieces = 0
      request.on("data", (bytes: Buffer) => {
        taken += bytes.byteLength
        pieces += 1
        // Whoever takes them is full after every second piece.
        if (pieces % 2 === 1) return takeMore(request)
        holdBody(request)
        setImmediate(() => {
          held = Math.max(held, request.readableLength + request.socket.readableLength)
          releaseBody(request)
        })
      })
      request.on("end", () => response.end("all of it"))
      releaseBody(request)
    },
  })
  const socket = await secure(listener)
  socket.write(`PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`)
  for (let sent = 0; sent < bodyBytes; sent += piece.byteLength) socket.write(chunk)
  socket.write("0\r\n\r\n")
  expect(String((await once(socket, "data"))[0])).toContain("all of it")
  expect(taken).toBe(bodyBytes)
  expect(held).toBeLessThan(heldAtMost)
})
