import { afterAll, beforeAll, expect, test } from "bun:test"
import { EventEmitter, once } from "node:events"
import http from "node:http"
import type net from "node:net"
import { WebSocket, WebSocketServer } from "ws"
import {
  carrierMaxPayload,
  pauseAboveMessages,
  type Splice,
  type SpliceEnd,
  splice,
  spliceHoldBytes,
  spliceHoldMessages,
} from "./splice.ts"

const server = http.createServer()
const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: carrierMaxPayload })
const accepted: WebSocket[] = []
const everything: WebSocket[] = []
let url = ""

beforeAll(async () => {
  server.on("upgrade", (request, socket, head) =>
    upgrades.handleUpgrade(request, socket, head, (upgraded) => {
      accepted.push(upgraded)
      server.emit("accepted")
    }),
  )
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  url = `ws://127.0.0.1:${(server.address() as net.AddressInfo).port}/`
})

afterAll(async () => {
  for (const socket of everything) socket.terminate()
  server.closeAllConnections()
  const closed = once(server, "close")
  server.close()
  await closed
})

/** A client and the server's end of its connection. */
const connection = async (): Promise<[outer: WebSocket, inner: WebSocket]> => {
  const arrival = once(server, "accepted")
  const outer = new WebSocket(url, { perMessageDeflate: false, maxPayload: carrierMaxPayload })
  await Promise.all([once(outer, "open"), arrival])
  const inner = accepted.pop()!
  everything.push(outer, inner)
  return [outer, inner]
}

interface Joined {
  readonly a: WebSocket
  readonly b: WebSocket
  readonly joined: Splice
  readonly ended: Promise<SpliceEnd>
  readonly ends: SpliceEnd[]
}

const join = async (): Promise<Joined> => {
  const [a, innerA] = await connection()
  const [b, innerB] = await connection()
  const ends: SpliceEnd[] = []
  const { promise, resolve } = Promise.withResolvers<SpliceEnd>()
  const joined = splice(innerA, innerB, {
    onEnd: (end) => {
      ends.push(end)
      resolve(end)
    },
  })
  for (const socket of [a, b]) socket.on("error", () => {})
  return { a, b, joined, ended: promise, ends }
}

/** Two joined sockets of which nothing leaves until the pieces are taken. */
const deaf = () => {
  const pieces: (() => void)[] = []
  const side = () =>
    Object.assign(new EventEmitter(), {
      OPEN: 1,
      CLOSED: 3,
      readyState: 1,
      isPaused: false,
      pause() {
        this.isPaused = true
      },
      resume() {
        this.isPaused = false
      },
      send: (_message: Uint8Array, taken: () => void) => void pieces.push(taken),
      close: () => {},
      terminate: () => {},
    })
  const sides = [side(), side()] as const
  const ended: SpliceEnd[] = []
  const [a, b] = sides as unknown as readonly [WebSocket, WebSocket]
  splice(a, b, { onEnd: (end) => ended.push(end) })
  return { pieces, sides, ended }
}

const closeOf = async (socket: WebSocket) => {
  const [code, reason] = await once(socket, "close")
  return { code, reason: String(reason) }
}

test("binary messages pass unread, in order and both ways, and are counted", async () => {
  const { a, b, joined } = await join()
  a.send(Buffer.from("one"))
  a.send(Buffer.from([0, 255]))
  const got: Buffer[] = []
  while (got.length < 2) got.push((await once(b, "message"))[0] as Buffer)
  expect(got).toEqual([Buffer.from("one"), Buffer.from([0, 255])])
  b.send(Buffer.from("back"))
  expect((await once(a, "message"))[0]).toEqual(Buffer.from("back"))
  expect([joined.bytesAToB, joined.bytesBToA]).toEqual([5, 4])
  joined.close(1000, "done")
  await Promise.all([closeOf(a), closeOf(b)])
})

for (const side of ["a", "b"] as const)
  test(`the close code and reason of ${side} reach the other side`, async () => {
    const { a, b, ended, ends } = await join()
    const [closing, other] = side === "a" ? [a, b] : [b, a]
    closing.close(4001, "moved")
    expect(await closeOf(other)).toEqual({ code: 4001, reason: "moved" })
    expect(await ended).toMatchObject({ code: 4001, reason: "moved" })
    expect(ends).toHaveLength(1)
  })

test("what was sent before a close arrives before it", async () => {
  const { a, b } = await join()
  let bytes = 0
  b.on("message", (data: Buffer) => {
    bytes += data.byteLength
  })
  for (let count = 0; count < 64; count += 1) a.send(Buffer.alloc(65_536))
  a.close(4003, "revoked")
  expect(await closeOf(b)).toEqual({ code: 4003, reason: "revoked" })
  expect(bytes).toBe(64 * 65_536)
})

test("a side lost without a close frame closes the other with a code that may be sent", async () => {
  const { a, b, ended } = await join()
  a.terminate()
  expect((await closeOf(b)).code).toBe(1001)
  expect((await ended).code).toBe(1006)
})

test("a text message ends both sides with 4008", async () => {
  const { a, b } = await join()
  const both = Promise.all([closeOf(a), closeOf(b)])
  a.send("text")
  expect(await both).toEqual([
    { code: 4008, reason: "text-message" },
    { code: 4008, reason: "text-message" },
  ])
})

test("a message longer than a frame ends the carrier", async () => {
  const { a, b } = await join()
  a.send(Buffer.alloc(carrierMaxPayload + 1))
  expect((await closeOf(b)).code).not.toBe(1000)
})

test("close ends both sides with the given code, once", async () => {
  const { a, b, joined, ends } = await join()
  const both = Promise.all([closeOf(a), closeOf(b)])
  joined.close(4001, "moved")
  joined.close(4003, "revoked")
  expect(await both).toEqual([
    { code: 4001, reason: "moved" },
    { code: 4001, reason: "moved" },
  ])
  expect(ends).toHaveLength(1)
})

test("a splice of a side that is already gone ends at once", async () => {
  const [a, innerA] = await connection()
  const [b, innerB] = await connection()
  a.terminate()
  await once(innerA, "close")
  const ends: SpliceEnd[] = []
  splice(innerA, innerB, { onEnd: (end) => ends.push(end) })
  expect(ends).toHaveLength(1)
  expect((await closeOf(b)).code).toBe(1001)
})

test("a reader that stands still stops the writer, and the splice holds no more than its bound", async () => {
  const { a, b, joined } = await join()
  b.pause()
  const message = Buffer.alloc(65_536)
  const unsent = () => a.bufferedAmount
  let sent = 0
  let most = 0
  // The kernel's buffers fill; then the writer's own buffer stops emptying although the loop turns.
  for (let still = 0, before = -1; still < 50; still = unsent() > 0 && unsent() === before ? still + 1 : 0) {
    before = unsent()
    if (unsent() < 1024 * 1024) {
      a.send(message)
      sent += message.byteLength
    }
    await new Promise<void>((resolve) => setImmediate(resolve))
    most = Math.max(most, joined.heldBytes)
  }
  expect(unsent()).toBeGreaterThan(0)
  expect(most).toBeGreaterThan(0)
  expect(most).toBeLessThanOrEqual(spliceHoldBytes)
  let bytes = 0
  const all = new Promise<void>((resolve) =>
    b.on("message", (data: Buffer) => {
      bytes += data.byteLength
      if (bytes === sent) resolve()
    }),
  )
  b.resume()
  await all
  expect(joined.heldBytes).toBe(0)
  joined.close(1000, "done")
  await Promise.all([closeOf(a), closeOf(b)])
})

test("messages without weight do not pile up: reading stops at their number, and a flood ends the carrier", () => {
  const { pieces, sides, ended } = deaf()
  for (let index = 0; index <= pauseAboveMessages; index++) sides[0].emit("message", Buffer.of(1), true)
  expect(sides[0].isPaused).toBe(true)
  for (const taken of pieces.splice(0)) taken()
  expect(sides[0].isPaused).toBe(false)
  for (let index = 0; index <= spliceHoldMessages; index++) sides[0].emit("message", Buffer.of(1), true)
  expect(ended).toMatchObject([{ code: 1001, reason: "splice-overflow" }])
  for (const side of sides) side.emit("close", 1006, Buffer.alloc(0))
})
