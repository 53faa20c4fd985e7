import { afterEach, describe, expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { reason } from "../../../protocol/core/reasons.ts"
import { encodeFrame } from "../../../protocol/encodeFrame.ts"
import { dataHeaderBytes, maxFrameBytes, maxPayloadBytes, typeOf } from "../../../protocol/frame.ts"
import type { AttackRange } from "../range/AttackRange.ts"
import { FrameCarrier, openingFrame, resumeOf } from "../range/carriers.ts"
import { request } from "../range/requests.ts"

const megabyte = 1024 * 1024
const residentBytes = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+) kB/)![1]) * 1024

const data = (offset: number, payload: Uint8Array) =>
  encodeFrame({ type: "data", offset, length: payload.length, pieces: [payload] })
const raw = (type: number, ...rest: number[]) => Uint8Array.from([type, ...rest])

/** A stream belongs to whoever opened it, and a peer that breaks its rules loses only its own. */
export const streams = (range: () => AttackRange): void => {
  afterEach(() => range().hangUp())

  describe("S25: a stream cannot be taken over:", () => {
    /** What the auth proxy says to a resume of alice's stream, and proof that the stream goes on. */
    const attempt = async (subject: string, change: { readonly generation: number; readonly secret?: Uint8Array }) => {
      const connected = await range().connect(undefined, "alice")
      const token = await range().clusterToken({ sub: "alice" })
      expect((await connected.raw.ask(request("GET /api", { token }))).status).toBe(200)
      const thief = await FrameCarrier.dial(await range().entrance(undefined, subject), connected.stream.instance)
      thief.send(resumeOf(connected.opening, change))
      const said = await thief.frame("reset")
      await thief.closed
      expect(thief.frames.filter(({ type }) => type === "data" || type === "accepted")).toEqual([])
      expect((await connected.raw.ask(request("GET /version", { token }))).status).toBe(200)
      expect(connected.stream.state).toBe("attached")
      return said?.type === "reset" ? said.reason : undefined
    }

    test("by another caller who knows its id and secret", async () => {
      expect(await attempt("mallory", { generation: 2 })).toBe("resume-refused")
      expect(await attempt("mallory", { generation: 4_000_000_000 })).toBe("resume-refused")
    })

    test("by the same caller with a wrong secret, even by one bit", async () => {
      expect(await attempt("alice", { generation: 2, secret: randomBytes(32) })).toBe("resume-refused")
      expect(await attempt("alice", { generation: 2, secret: new Uint8Array(32) })).toBe("resume-refused")
    })

    test("by an old generation, and by opening it a second time", async () => {
      const { carrier, opening, instance } = await FrameCarrier.open(await range().entrance())
      const next = await FrameCarrier.dial(await range().entrance(), instance)
      next.send(resumeOf(opening, { generation: 5 }))
      expect((await next.frame("accepted"))?.type).toBe("accepted")
      await carrier.closed
      for (const late of [resumeOf(opening, { generation: 5 }), resumeOf(opening, { generation: 4 }), opening]) {
        const old = await FrameCarrier.dial(await range().entrance(), instance)
        old.send(late)
        expect(await old.frame("reset")).toMatchObject({ reason: "resume-refused" })
        await old.closed
      }
      next.send(encodeFrame({ type: "ping", id: 7 }))
      expect(await next.frame("pong")).toEqual({ type: "pong", id: 7 })
      next.socket.terminate()
    })

    test("a stream that does not exist is unknown, and an instance that does not exist is refused by the relay", async () => {
      const { carrier, instance } = await FrameCarrier.open(await range().entrance())
      const other = await FrameCarrier.dial(await range().entrance(), instance)
      other.send(resumeOf(openingFrame(), { generation: 2 }))
      expect(await other.frame("reset")).toMatchObject({ reason: "unknown" })
      const forged = instance.replace(/#.*/, "#00000000000000000000000000")
      const refused = await FrameCarrier.dial(await range().entrance(), forged).then(
        () => 101,
        (error: { readonly status?: number }) => error.status,
      )
      expect(refused).not.toBe(101)
      carrier.socket.terminate()
    })
  })

  describe("S28: a forged frame ends its own stream and nothing else:", () => {
    const payload = new Uint8Array(1000)
    const forgeries: readonly (readonly [string, string | undefined, () => readonly (Uint8Array | string)[]])[] = [
      ["data with a gap", reason.gap, () => [data(1_000_000, payload)]],
      [
        "data beyond the credit",
        reason.beyondCredit,
        () => Array.from({ length: 200 }, (_, n) => data(n * maxPayloadBytes, new Uint8Array(maxPayloadBytes))),
      ],
      [
        "an ack of what was never sent",
        reason.ackBeyondSent,
        () => [encodeFrame({ type: "ack", receivedOffset: 2 ** 40, end: "none" })],
      ],
      [
        "an ack of a fin that was never sent",
        reason.ackBeyondSent,
        () => [encodeFrame({ type: "ack", receivedOffset: 0, end: "fin" })],
      ],
      ["credit beyond 8 MiB", reason.excessiveCredit, () => [encodeFrame({ type: "credit", limit: 2 ** 53 })]],
      ["data behind its fin", reason.dataAfterFin, () => [encodeFrame({ type: "fin", offset: 0 }), data(0, payload)]],
      [
        "a fin that moves",
        reason.gap,
        () => [encodeFrame({ type: "fin", offset: 0 }), encodeFrame({ type: "fin", offset: 5 })],
      ],
      ["a second open", reason.unexpectedFrame, () => [openingFrame()]],
      [
        "accepted from the wrong side",
        reason.unexpectedFrame,
        () => [encodeFrame({ type: "accepted", receivedOffset: 0, creditLimit: 1, instance: "x#y" })],
      ],
      ["an unknown type", reason.malformedFrame, () => [raw(99, 1, 2, 3)]],
      ["type 0", reason.malformedFrame, () => [raw(0)]],
      ["an empty message", reason.malformedFrame, () => [new Uint8Array(0)]],
      ["a text", undefined, () => ["hello"]],
      ["a cut ping", reason.malformedFrame, () => [raw(typeOf.ping, 1)]],
      ["a ping with a tail", reason.malformedFrame, () => [raw(typeOf.ping, 1, 2, 3, 4, 5, 6)]],
      ["data without a payload", reason.malformedFrame, () => [raw(typeOf.data, ...new Uint8Array(8))]],
      ["an offset beyond 2^53", reason.malformedFrame, () => [raw(typeOf.credit, ...new Uint8Array(8).fill(255))]],
      [
        "a reset with a reason that is no word",
        reason.malformedFrame,
        () => [raw(typeOf.reset, ...new Uint8Array(8), 10, 13, 0)],
      ],
      [
        "a payload over 64 KiB",
        undefined,
        () => [raw(typeOf.data, ...new Uint8Array(dataHeaderBytes + maxPayloadBytes))],
      ],
      ["a megabyte", undefined, () => [new Uint8Array(megabyte)]],
    ]
    const readByTls = new Set(["data beyond the credit", "data behind its fin", "a fin that moves"])
    test.each(forgeries)("%s", async (name, why, messages) => {
      const beside = await range().connect()
      // They take all of a caller's turns at TLS and say nothing: the forger's data is not read as a TLS hello meanwhile, nor its
      // fin as the end of one, either of which would end the stream before the forgery's last frame is there.
      // The turns are a caller's own, and come back only after 10 s: nobody else may need them.
      const crowds = readByTls.has(name)
      const there = await range().entrance(undefined, crowds ? `crowder with ${name}` : undefined)
      const idle = await Promise.all(Array.from({ length: crowds ? 8 : 0 }, () => FrameCarrier.open(there)))
      const { carrier, opening, instance } = await FrameCarrier.open(there)
      for (const message of messages()) carrier.send(message)
      // Until the reset is acknowledged the auth proxy keeps the carrier for some seconds; the forger does not wait for that.
      const reset = await carrier.frame("reset")
      carrier.socket.terminate()
      expect(reset?.type === "reset" ? reset.reason : undefined).toBe(why)
      // What was cut before it reached the auth proxy leaves a stream that its owner could resume; what was refused there is over.
      const again = await FrameCarrier.dial(there, instance)
      again.send(resumeOf(opening, { generation: 2 }))
      if (reset !== undefined) {
        expect((await again.frame("reset"))?.type).toBe("reset")
        expect(again.frames.filter(({ type }) => type === "data" || type === "pong")).toEqual([])
      } else expect((await again.frame("accepted"))?.type).toBe("accepted")
      again.socket.terminate()
      for (const { carrier } of idle) carrier.socket.terminate()
      const token = await range().clusterToken()
      expect((await beside.raw.ask(request("GET /api", { token }))).status).toBe(200)
    })

    test("what is no opening frame gets no stream", async () => {
      for (const first of [
        encodeFrame({ type: "ping", id: 1 }),
        data(0, payload),
        raw(99),
        "text",
        resumeOf(openingFrame(), { generation: 9 }),
      ]) {
        const carrier = await FrameCarrier.dial(await range().entrance())
        carrier.send(first)
        await carrier.closed
        expect(carrier.frames.some(({ type }) => type === "accepted")).toBe(false)
      }
    })

    test("400 carriers full of forgeries leave the memory of relay, agent and auth proxy where it was", async () => {
      const { world } = range()
      const pids = world.pathPids()
      const there = await range().entrance()
      const flood = async (rounds: number) => {
        for (let round = 0; round < rounds; round += 1)
          await Promise.all(
            Array.from({ length: 20 }, async () => {
              const { carrier } = await FrameCarrier.open(there)
              for (let n = 0; n < 8; n += 1) carrier.send(new Uint8Array(maxFrameBytes))
              for (let n = 0; n < 8; n += 1) carrier.send(data(n * maxPayloadBytes, new Uint8Array(maxPayloadBytes)))
              await carrier.frame("reset")
              carrier.socket.terminate()
            }),
          )
      }
      await flood(4)
      const before = pids.map(residentBytes)
      await flood(16)
      const growth = pids.map((pid, index) => residentBytes(pid) - before[index]!)
      // A gigabyte was written: 400 x 16 frames. What stays is the allocator's slack.
      expect(growth.filter((bytes) => bytes > 96 * megabyte)).toEqual([])
      // Only against hanging: a timeout here ends every program of the range, and fails all that comes after.
    }, 300_000)
  })
}
