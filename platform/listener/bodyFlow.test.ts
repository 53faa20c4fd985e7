import { expect, test } from "bun:test"
import { once } from "node:events"
import { Writable } from "node:stream"
import { listenerBench } from "../fixtures/listenerBench.ts"
import { releaseBody, stopReading } from "./bodyFlow.ts"

const { listening, secure } = listenerBench()
const piece = Buffer.alloc(50_000)
const chunk = Buffer.concat([Buffer.from(`${piece.byteLength.toString(16)}\r\n`), piece, Buffer.from("\r\n")])
const bodyBytes = 40_000_000
/** Two reads of Bun's, 512 KiB each: the one that is being taken, and the one that came before the socket stopped. */
const heldAtMost = 1_200_000

test("an upload whose taker is slow is not gathered in memory, and comes whole", async () => {
  let taken = 0
  let held = 0
  const listener = await listening({
    onRequest: (request, response) => {
      const taker = new Writable({
        highWaterMark: 65_536,
        write: (bytes: Buffer, _encoding, done) => {
          taken += bytes.byteLength
          held = Math.max(held, request.readableLength + request.socket.readableLength + taker.writableLength)
          setImmediate(done)
        },
      })
      request.on("data", (bytes: Buffer) => {
        if (!taker.write(bytes)) stopReading(request)
      })
      taker.on("drain", () => releaseBody(request))
      request.on("end", () => taker.end(() => response.end("all of it")))
      releaseBody(request)
    },
  })
  const socket = await secure(listener)
  socket.write("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
  for (let sent = 0; sent < bodyBytes; sent += piece.byteLength) socket.write(chunk)
  socket.write("0\r\n\r\n")
  expect(String((await once(socket, "data"))[0])).toContain("all of it")
  expect(taken).toBe(bodyBytes)
  expect(held).toBeLessThan(heldAtMost)
})
