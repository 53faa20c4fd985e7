import { expect, test } from "bun:test"
import { once } from "node:events"
import http from "node:http"
import type net from "node:net"
import { WebSocket, WebSocketServer } from "ws"
import { reason } from "../core/reasons.ts"
import { decodeFrame } from "../decodeFrame.ts"
import { encodeFrame } from "../encodeFrame.ts"
import type { ControlFrame, Frame, OpeningFrame } from "../frame.ts"
import { type CarrierOrigin, type ServerStream, StreamServer, type StreamServerOptions } from "./StreamServer.ts"
import { WindowBudget } from "./WindowBudget.ts"

/** Some types share one shape. */
type FrameOf<T extends Frame["type"]> = Frame extends infer F
  ? F extends { type: infer U }
    ? T extends U
      ? F
      : never
    : never
  : never

/** A peer that speaks raw frames to a stream server, honest or not. */
const rig = async (options: Partial<StreamServerOptions> = {}) => {
  const streams: ServerStream[] = []
  const server = new StreamServer({
    bootNonce: "boot",
    budget: new WindowBudget(1 << 24),
    limits: { perCaller: 2, total: 3 },
    meeting: "abstract",
    onStream: (stream) => {
      stream.socket.on("error", () => {})
      streams.push(stream)
    },
    ...options,
  })
  const web = http.createServer()
  const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const sockets: WebSocket[] = []
  web.on("upgrade", (request, socket, head) =>
    upgrades.handleUpgrade(request, socket, head, (upgraded) => {
      sockets.push(upgraded)
      server.attach(upgraded, {
        instance: "127.0.0.1:1#boot",
        callerHash: String(request.headers["x-caller"]),
        clientAddress: "192.0.2.1",
      } satisfies CarrierOrigin)
    }),
  )
  web.listen(0, "127.0.0.1")
  await once(web, "listening")
  const { port } = web.address() as net.AddressInfo
  return {
    server,
    streams,
    carrier: async (caller = "alice") => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, {
        perMessageDeflate: false,
        headers: { "x-caller": caller },
      })
      sockets.push(socket)
      socket.on("error", () => {})
      const frames: Frame[] = []
      const waiting: (() => void)[] = []
      socket.on("message", (data: Buffer) => {
        frames.push(decodeFrame(data))
        for (const wake of waiting.splice(0)) wake()
      })
      await once(socket, "open")
      return {
        socket,
        frames,
        send: (frame: ControlFrame) => socket.send(encodeFrame(frame)),
        data: (offset: number, bytes: Uint8Array) =>
          socket.send(encodeFrame({ type: "data", offset, length: bytes.byteLength, pieces: [bytes] })),
        /** The first frame of the type that has come or comes. */
        next: async <T extends Frame["type"]>(type: T): Promise<FrameOf<T>> => {
          for (;;) {
            const found = frames.find((frame) => frame.type === type)
            if (found !== undefined) return found as FrameOf<T>
            await new Promise<void>((resolve) => waiting.push(resolve))
          }
        },
      }
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAll("test-over")
      for (const socket of sockets) socket.terminate()
      web.closeAllConnections()
      const closed = once(web, "close")
      web.close()
      await closed
    },
  }
}

/** The code with which a carrier closes. */
const closing = (socket: WebSocket) => new Promise<number>((resolve) => socket.once("close", (code) => resolve(code)))

const opening = (id: number, change: Partial<OpeningFrame> = {}): OpeningFrame => ({
  type: "open",
  streamId: new Uint8Array(16).fill(id),
  resumeSecret: new Uint8Array(32).fill(id),
  generation: 1,
  receivedOffset: 0,
  creditLimit: 262_144,
  ...change,
})
const resuming = (id: number, change: Partial<OpeningFrame> = {}) =>
  opening(id, { type: "resume", generation: 2, ...change })

const attacks: readonly [string, string, Partial<OpeningFrame>][] = [
  ["a wrong secret", "alice", { resumeSecret: new Uint8Array(32).fill(9) }],
  ["a secret that differs in its last bit", "alice", { resumeSecret: new Uint8Array(32).fill(1).fill(0, 31) }],
  ["another caller", "mallory", {}],
]
for (const [name, caller, change] of attacks)
  test(`a resume with ${name} is refused, and the stream goes on (S25)`, async () => {
    await using it = await rig()
    const honest = await it.carrier()
    honest.send(opening(1))
    await honest.next("accepted")
    const attacker = await it.carrier(caller)
    const closed = closing(attacker.socket)
    attacker.send(resuming(1, { generation: 7, ...change }))
    expect(await attacker.next("reset")).toMatchObject({ reason: reason.resumeRefused })
    expect(await closed).toBe(4008)
    honest.send({ type: "ping", id: 1 })
    expect((await honest.next("pong")).id).toBe(1)
    expect(it.server.statistics()).toMatchObject({ streams: 1, attached: 1, refused: { [reason.resumeRefused]: 1 } })
  })

test("a resume of an old or of the same generation is refused, and the stream goes on (S25)", async () => {
  await using it = await rig()
  const first = await it.carrier()
  first.send(opening(1))
  await first.next("accepted")
  const second = await it.carrier()
  const superseded = closing(first.socket)
  second.send(resuming(1, { generation: 5 }))
  await second.next("accepted")
  expect(await superseded).toBe(4009)
  for (const generation of [2, 4, 5]) {
    const late = await it.carrier()
    late.send(resuming(1, { generation }))
    expect(await late.next("reset")).toMatchObject({ reason: reason.resumeRefused })
  }
  second.send({ type: "ping", id: 3 })
  expect((await second.next("pong")).id).toBe(3)
})

test("a second open of a stream is refused, and the stream goes on", async () => {
  await using it = await rig()
  const first = await it.carrier()
  first.send(opening(1))
  await first.next("accepted")
  const again = await it.carrier()
  again.send(opening(1))
  expect(await again.next("reset")).toMatchObject({ reason: reason.resumeRefused })
  first.send({ type: "ping", id: 1 })
  await first.next("pong")
})

test("a resume of a stream that nobody knows is answered with unknown", async () => {
  await using it = await rig()
  const carrier = await it.carrier()
  carrier.send(resuming(1))
  expect(await carrier.next("reset")).toMatchObject({ reason: reason.unknown })
})

test("what an old carrier still brings after a resume is dropped", async () => {
  await using it = await rig()
  const old = await it.carrier()
  old.send(opening(1))
  await old.next("accepted")
  const fresh = await it.carrier()
  fresh.send(resuming(1))
  await fresh.next("accepted")
  old.data(0, Buffer.from("stale"))
  fresh.data(0, Buffer.from("fresh"))
  const [bytes] = await once(it.streams[0]!.socket, "data")
  expect(String(bytes)).toBe("fresh")
})

test("a caller's streams are limited, suspended ones included, and the refusal names the limit", async () => {
  await using it = await rig()
  for (const id of [1, 2]) {
    const carrier = await it.carrier()
    carrier.send(opening(id))
    await carrier.next("accepted")
    if (id === 1) carrier.socket.terminate()
  }
  const third = await it.carrier()
  third.send(opening(3))
  expect(await third.next("reset")).toMatchObject({ reason: reason.tooManyStreamsOfCaller })
  const other = await it.carrier("bob")
  other.send(opening(4))
  await other.next("accepted")
  const tooMany = await it.carrier("carol")
  tooMany.send(opening(5))
  expect(await tooMany.next("reset")).toMatchObject({ reason: reason.tooManyStreams })
  expect(it.server.streams).toBe(3)
})

test("an ended stream no longer counts, and its tombstone still answers a resume", async () => {
  await using it = await rig()
  const carrier = await it.carrier()
  carrier.send(opening(1))
  await carrier.next("accepted")
  it.streams[0]!.destroy("finished-early")
  expect(await carrier.next("reset")).toMatchObject({ reason: "finished-early" })
  carrier.socket.terminate()
  expect(it.server.statistics()).toMatchObject({ streams: 0, tombstones: 1 })
  const again = await it.carrier()
  const closed = closing(again.socket)
  again.send(resuming(1))
  expect(await again.next("reset")).toMatchObject({ reason: "finished-early" })
  again.send({ type: "ack", receivedOffset: 0, end: "reset" })
  expect(await closed).toBe(1000)
})

const illegal: readonly [
  string,
  string,
  (carrier: Awaited<ReturnType<Awaited<ReturnType<typeof rig>>["carrier"]>>) => void,
][] = [
  [
    "an ack beyond what was sent",
    reason.ackBeyondSent,
    (it) => it.send({ type: "ack", receivedOffset: 1, end: "none" }),
  ],
  [
    "an ack of a fin that was not sent",
    reason.ackBeyondSent,
    (it) => it.send({ type: "ack", receivedOffset: 0, end: "fin" }),
  ],
  [
    "an ack of a reset that was not sent",
    reason.ackBeyondSent,
    (it) => it.send({ type: "ack", receivedOffset: 0, end: "reset" }),
  ],
  ["a gap in the data", reason.gap, (it) => it.data(1, Buffer.from("x"))],
  [
    "data beyond the credit given",
    reason.beyondCredit,
    (it) => {
      for (let at = 0; at < 17; at += 1) it.data(at * 65_536, Buffer.alloc(65_536))
    },
  ],
  [
    "a credit of more than 8 MiB over what was sent",
    reason.excessiveCredit,
    (it) => it.send({ type: "credit", limit: 8 * 1024 * 1024 + 1 }),
  ],
  ["a fin beyond the data", reason.gap, (it) => it.send({ type: "fin", offset: 1 })],
  [
    "a fin before the end of the data",
    reason.finMoved,
    (it) => {
      it.data(0, Buffer.from("xy"))
      it.send({ type: "fin", offset: 1 })
    },
  ],
  [
    "data after a fin",
    reason.dataAfterFin,
    (it) => {
      it.send({ type: "fin", offset: 0 })
      it.data(0, Buffer.from("x"))
    },
  ],
  ["a second open on the carrier", reason.unexpectedFrame, (it) => it.send(opening(1))],
  [
    "an accepted from the proxy",
    reason.unexpectedFrame,
    (it) => it.send({ type: "accepted", receivedOffset: 0, creditLimit: 0, instance: "x" }),
  ],
  ["a drain from the proxy", reason.unexpectedFrame, (it) => it.send({ type: "drain" })],
  ["a text message", reason.malformedFrame, (it) => it.socket.send("text")],
  ["an unknown frame", reason.malformedFrame, (it) => it.socket.send(Buffer.from([99]))],
  ["an oversized frame", reason.malformedFrame, (it) => it.socket.send(Buffer.alloc(65_536 + 10, 4))],
]
for (const [name, word, act] of illegal)
  test(`${name} resets the stream with ${word} (S28)`, async () => {
    await using it = await rig()
    const carrier = await it.carrier()
    carrier.send(opening(1))
    await carrier.next("accepted")
    const stream = it.streams[0]!
    stream.socket.pause()
    act(carrier)
    expect(await carrier.next("reset")).toMatchObject({ reason: word })
    expect((await stream.ended).reason).toBe(word)
  })

test("a lower credit than before is ignored", async () => {
  await using it = await rig()
  const carrier = await it.carrier()
  carrier.send(opening(1))
  await carrier.next("accepted")
  carrier.send({ type: "credit", limit: 1 })
  it.streams[0]!.socket.write("answer")
  expect(Buffer.from((await carrier.next("data")).payload).toString()).toBe("answer")
})

test("a flood of pings is answered with bounded memory", async () => {
  await using it = await rig()
  const carrier = await it.carrier()
  carrier.send(opening(1))
  await carrier.next("accepted")
  for (let id = 1; id <= 50_000; id += 1) carrier.send({ type: "ping", id })
  for (;;) {
    await carrier.next("pong")
    const pong = carrier.frames.findLast((frame) => frame.type === "pong")
    if (pong?.type === "pong" && pong.id === 50_000) break
    await once(carrier.socket, "message")
  }
  expect(it.server.streams).toBe(1)
})

test("a carrier that begins with another frame is refused, and no stream is made", async () => {
  await using it = await rig()
  const carrier = await it.carrier()
  const closed = closing(carrier.socket)
  carrier.send({ type: "ping", id: 1 })
  expect(await carrier.next("reset")).toMatchObject({ reason: reason.unexpectedFrame })
  expect(await closed).toBe(4008)
  expect(it.server.statistics()).toMatchObject({ streams: 0, tombstones: 0, opened: 0 })
})
