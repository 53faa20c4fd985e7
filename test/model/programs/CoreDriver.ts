import { nextDeadline } from "../../../protocol/core/liveness.ts"
import { handLimit } from "../../../protocol/core/pace.ts"
import type { Action, Event, State } from "../../../protocol/core/state.ts"
import { step } from "../../../protocol/core/step.ts"
import { hasMoreToSend } from "../../../protocol/core/transmit.ts"
import { takeableBytes } from "../../../protocol/core/window.ts"
import { decodeFrame } from "../../../protocol/decodeFrame.ts"
import { encodeFrame } from "../../../protocol/encodeFrame.ts"
import type { End } from "../network/Connection.ts"
import type { Host } from "../network/Host.ts"
import type { Wire } from "./Wire.ts"

export type Happening = Event extends infer E ? (E extends { at: unknown } ? Omit<E, "at"> : never) : never

const period = 251
const pattern = Buffer.from(Array.from({ length: 256 * 1024 }, (_, index) => index % period))
/** Either direction's bytes are a function of their offset, so that order and identity show everywhere. */
const bytesAt = (offset: number, length: number): Uint8Array =>
  pattern.subarray(offset % period, (offset % period) + length)

/** What each end of a stream has seen. */
export interface Record {
  written: number
  /** Asked to end its direction once everything wanted is written. */
  ending: boolean
  endSaid: boolean
  delivered: number
  endDelivered: boolean
  lastDelivery: number
  longestPauseFrom: number
  longestPauseMillis: number
  ends: string[]
}

export const newRecord = (now: number): Record => ({
  written: 0,
  ending: false,
  endSaid: false,
  delivered: 0,
  endDelivered: false,
  lastDelivery: now,
  longestPauseFrom: now,
  longestPauseMillis: 0,
  ends: [],
})

export interface DriverOptions {
  readonly host: Host
  readonly record: Record
  readonly random: () => number
  readonly violation: (what: string) => void
  readonly act: (action: Action) => void
}

const spareBytes = 16 * 1024 * 1024

/** What protocol/stream/Endpoint.ts does, on the model's network: joins one core to its carrier, its clock and a reader and writer. */
export class CoreDriver {
  state: State
  readonly #options: DriverOptions
  readonly #waiting: Happening[] = []
  #stepping = false
  #cancelTimer: () => void = () => {}
  #carriers = new Map<number, End<Wire>>()
  #wanted = 0

  constructor(state: State, options: DriverOptions) {
    this.state = state
    this.#options = options
  }

  feed(happening: Happening) {
    this.#waiting.push(happening)
    if (this.#stepping) return
    this.#stepping = true
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#step(next)
    this.#stepping = false
    this.#pull()
    this.#arm()
  }

  attach(end: End<Wire>, generation: number, happening: Happening) {
    this.#carriers.set(generation, end)
    end.onMessage = (wire) => {
      if (!(wire instanceof Uint8Array)) throw new Error("no frame on a carrier")
      this.feed({ type: "frame", generation, frame: decodeFrame(wire) })
    }
    end.onClose = (code) => {
      this.#carriers.delete(generation)
      this.feed({ type: "lost", generation, code })
    }
    end.onFlushed = () => {
      if (hasMoreToSend(this.state)) this.feed({ type: "tick" })
    }
    this.feed(happening)
    if (this.state.phase === "gone") end.close(1000)
  }

  write(bytes: number) {
    this.#wanted += bytes
    this.feed({ type: "tick" })
  }

  finish() {
    this.#options.record.ending = true
    this.feed({ type: "tick" })
  }

  #pull() {
    const { record } = this.#options
    if (this.state.phase !== "live") return
    const take = Math.min(this.#wanted, takeableBytes(this.state, spareBytes), 128 * 1024)
    if (take > 0) {
      const bytes = bytesAt(record.written, take)
      this.#wanted -= take
      record.written += take
      return this.feed({ type: "local", bytes })
    }
    if (record.ending && !record.endSaid && this.#wanted === 0) {
      record.endSaid = true
      this.feed({ type: "localEnd" })
    }
  }

  #step(happening: Happening) {
    const { host } = this.#options
    const generation = this.state.phase === "gone" ? 0 : this.state.generation
    const unflushed = this.#carriers.get(generation)?.unflushedBytes ?? 0
    const at = { now: host.now, wall: host.wall, spare: spareBytes, room: handLimit(this.state) - unflushed }
    const [state, actions] = step(this.state, { ...happening, at } as Event)
    this.state = state
    for (const action of actions) this.#act(action)
  }

  #act(action: Action) {
    const { record, host, violation, random } = this.#options
    switch (action.type) {
      case "send": {
        const frame = encodeFrame(action.frame)
        if (this.state.phase !== "gone") this.#carriers.get(this.state.generation)?.send(frame, frame.byteLength)
        return
      }
      case "close":
        this.#carriers.get(action.generation)?.close(action.code)
        this.#carriers.delete(action.generation)
        return
      case "deliver": {
        const { byteLength } = action.bytes
        if (record.endDelivered) violation("bytes after the end of data")
        if (Buffer.compare(bytesAt(record.delivered, byteLength), action.bytes) !== 0)
          violation(`wrong bytes at ${record.delivered}`)
        record.delivered += byteLength
        const pause = host.wall - 1_700_000_000_000 - record.lastDelivery
        if (pause > record.longestPauseMillis) {
          record.longestPauseMillis = pause
          record.longestPauseFrom = record.lastDelivery
        }
        record.lastDelivery += pause
        host.after(random() * 20, () => this.feed({ type: "delivered", bytes: byteLength }))
        return
      }
      case "deliverEnd":
        record.endDelivered = true
        return
      case "ended":
        record.ends.push(action.reason)
        return this.#options.act(action)
      default:
        return this.#options.act(action)
    }
  }

  #arm() {
    this.#cancelTimer()
    const due = nextDeadline(this.state)
    if (Number.isFinite(due))
      this.#cancelTimer = this.#options.host.after(Math.max(1, due - this.#options.host.now), () =>
        this.feed({ type: "tick" }),
      )
  }
}
