import { describe, expect, test } from "bun:test"
import type { ClientRequest, IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import { endpointBench } from "../testing/endpointBench.ts"
import type { FarEnd } from "../testing/FarEnd.ts"
import { credential, type NearEnd } from "../testing/NearEnd.ts"

let far: FarEnd
let near: NearEnd
endpointBench((ownFar, ownNear) => {
  far = ownFar
  near = ownNear
})

const block = Buffer.alloc(65_536, "x")
const pending = 200_000_000
/** Windows, socket buffers of five sockets and the test's own: far below what is pending, so a leak of it shows. */
const heldAtMost = 20_000_000
/** This many turns of the event loop without a byte: whatever could move has moved. */
const stillTurns = 400

interface Sink {
  write(chunk: Buffer): boolean
  once(event: "drain", listener: () => void): unknown
}

/** Writes as fast as the sink takes it; resolves when it has stopped taking. */
const fill = async (sink: Sink): Promise<number> => {
  let written = 0
  const more = () => {
    while (written < pending) {
      written += block.length
      if (!sink.write(block)) return void sink.once("drain", more)
    }
  }
  more()
  for (let still = 0, last = -1; still < stillTurns; still = written === last ? still + 1 : 0) {
    last = written
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => process.nextTick(resolve))
    await Bun.file("/dev/null").text()
  }
  return written
}

describe("back pressure", () => {
  test("of a client that does not read reaches the far end, and all bytes come when it reads", async () => {
    const filled = Promise.withResolvers<number>()
    far.handle = (_req, res) => {
      res.writeHead(200)
      void fill(res).then((written) => {
        filled.resolve(written)
        res.end()
      })
    }
    const request = near.request("GET", "/big")
    request.end()
    const response = await new Promise<IncomingMessage>((resolve) => request.once("response", resolve))
    const written = await filled.promise
    expect(written).toBeLessThan(heldAtMost)
    let received = 0
    response.on("data", (chunk: Buffer) => {
      received += chunk.length
    })
    await new Promise((resolve) => response.once("end", resolve))
    expect(received).toBe(written)
  }, 60_000)
  test("of a far end that does not read stops the client's upload, and all bytes come when it reads", async () => {
    const stalled = Promise.withResolvers<IncomingMessage>()
    const total = Promise.withResolvers<number>()
    far.handle = (req, res) => {
      let length = 0
      req.on("data", (chunk: Buffer) => {
        length += chunk.length
      })
      req.on("end", () => {
        res.end("ok")
        total.resolve(length)
      })
      req.pause()
      req.socket.pause()
      stalled.resolve(req)
    }
    const upload: ClientRequest = near.request("POST", "/up", ["Transfer-Encoding", "chunked"])
    upload.write(block)
    const req = await stalled.promise
    const written = await fill(upload)
    expect(written).toBeLessThan(heldAtMost)
    upload.end()
    req.socket.resume()
    req.resume()
    expect(await total.promise).toBe(written + block.length)
  }, 60_000)
  test("at the end of an upload leaves its connections to the next request", async () => {
    far.handle = (req, res) => {
      req.resume()
      req.once("end", () => res.end("ok"))
    }
    const socket = near.dial()
    let said = ""
    const answers = (count: number) =>
      new Promise<void>((resolve) => {
        const look = () => said.split("HTTP/1.1 200").length > count && resolve()
        socket.on("data", look)
        look()
      })
    socket.on("data", (bytes: Buffer) => {
      said += bytes
    })
    const head = (method: string, more = "") =>
      `${method} /x HTTP/1.1\r\nHost: ${near.host}\r\nAuthorization: Bearer ${credential}\r\n${more}\r\n`
    socket.write(head("PUT", "Content-Length: 2000000\r\n"))
    socket.write(Buffer.alloc(2_000_000))
    await answers(1)
    socket.write(head("GET"))
    await answers(2)
    socket.destroy()
  }, 30_000)
  test("holds in both directions of an upgraded connection", async () => {
    const upgraded = Promise.withResolvers<Socket>()
    far.handleUpgrade = (_req, socket) => {
      socket.pause()
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
      upgraded.resolve(socket)
    }
    const socket = near.dial()
    socket.write(
      `POST /exec HTTP/1.1\r\nHost: ${near.host}\r\nAuthorization: Bearer ${credential}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n`,
    )
    const farSocket = await upgraded.promise
    await new Promise((resolve) => socket.once("data", resolve))
    socket.pause()
    expect(await fill(socket)).toBeLessThan(heldAtMost)
    expect(await fill(farSocket)).toBeLessThan(heldAtMost)
    socket.destroy()
  }, 60_000)
})
