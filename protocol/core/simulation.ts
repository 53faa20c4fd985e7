import { decodeFrame } from "../decodeFrame.ts"
import { encodeFrame } from "../encodeFrame.ts"
import type { Frame } from "../frame.ts"
import { createClient, createServer } from "./create.ts"
import { nextDeadline } from "./liveness.ts"
import { reason } from "./reasons.ts"
import type { Action, Event, Role, State } from "./state.ts"
import { step } from "./step.ts"
import { reservedBytes, takeableBytes } from "./window.ts"

/** For tests: two cores, the carriers between them and a clock, all under the test's control. */

const period = 251
const pattern = Buffer.from(Array.from({ length: 2 * 1024 * 1024 }, (_, index) => index % period))
/** The bytes of either sequence are a function of their offset, so that order and identity can be checked at any place. */
const bytesAt = (offset: number, length: number): Uint8Array =>
  pattern.subarray(offset % period, (offset % period) + length)

export interface Side {
  state: State
  readonly role: Role
  written: number
  delivered: number
  /** Delivered by the core, not yet taken by the reader. */
  waiting: number
  endDelivered: boolean
  /** The application has gone. */
  left: boolean
  ends: { reason: string; bytesSent: number; bytesReceived: number }[]
  forgets: number
  suspensions: number
  room: number
  budget: number
  wantsDial: boolean
  protocolErrors: string[]
}

interface Link {
  readonly toServer: Uint8Array[]
  readonly toClient: Uint8Array[]
  /** Code with which each side will learn of the end, once. */
  readonly lost: { client?: number | undefined; server?: number | undefined }
  offered: boolean
  dead: boolean
}

export type Happening = Event extends infer E ? (E extends { at: unknown } ? Omit<E, "at"> : never) : never

export const holdMillis = 300_000

const newSide = (role: Role, state: State, budget: number): Side => ({
  state,
  role,
  written: 0,
  delivered: 0,
  waiting: 0,
  endDelivered: false,
  left: false,
  ends: [],
  forgets: 0,
  suspensions: 0,
  room: 128 * 1024,
  budget,
  wantsDial: role === "client",
  protocolErrors: [],
})

export class World {
  now = 1_000
  wall = 1_700_000_000_000
  readonly identity = { streamId: new Uint8Array(16), resumeSecret: new Uint8Array(32) }
  readonly client: Side
  readonly server: Side
  readonly links = new Map<number, Link>()
  generation = 0
  violations: string[] = []

  constructor(clientBudget: number, serverBudget: number) {
    this.client = newSide("client", createClient(this.identity, this.now, holdMillis), clientBudget)
    this.server = newSide("server", { phase: "gone" }, serverBudget)
  }

  other(side: Side): Side {
    return side === this.client ? this.server : this.client
  }

  feed(side: Side, happening: Happening) {
    const spare = Math.max(0, side.budget - reservedBytes(side.state))
    const at = { now: this.now, wall: this.wall, spare, room: side.room }
    const [state, actions] = step(side.state, { ...happening, at } as Event)
    side.state = state
    for (const action of actions) this.#act(side, action)
    this.#check(side)
  }

  /** A dial succeeds: the client has a carrier of the next generation. */
  attach() {
    if (!this.client.wantsDial) return
    this.client.wantsDial = false
    this.generation += 1
    this.links.set(this.generation, { toServer: [], toClient: [], lost: {}, offered: false, dead: false })
    this.feed(this.client, { type: "attached", generation: this.generation })
  }

  /** The dial is refused for good. */
  refuse() {
    if (!this.client.wantsDial) return
    this.client.wantsDial = false
    this.feed(this.client, { type: "dialEnded", reason: "refused" })
  }

  /** Delivers the oldest message of a carrier to one side; twice when `twice`. */
  deliver(generation: number, to: Role, twice = false): boolean {
    const link = this.links.get(generation)
    const queue = link === undefined ? undefined : to === "server" ? link.toServer : link.toClient
    const message = queue?.shift()
    if (link === undefined || message === undefined) return false
    const frame = decodeFrame(message)
    const greeting = frame.type === "open" || frame.type === "resume" || frame.type === "accepted"
    for (let times = twice && !greeting ? 2 : 1; times > 0; times -= 1) this.#arrive(link, generation, to, frame)
    return true
  }

  #arrive(link: Link, generation: number, to: Role, frame: Frame) {
    if (to === "server" && !link.offered) return this.#offer(link, frame)
    this.feed(to === "server" ? this.server : this.client, { type: "frame", generation, frame })
  }

  /** What a stream server does with a carrier's first frame. */
  #offer(link: Link, frame: Frame) {
    if (frame.type !== "open" && frame.type !== "resume") throw new Error(`a carrier began with ${frame.type}`)
    link.offered = true
    if (frame.type === "open") {
      if (this.server.ends.length > 0) return
      this.server.state = createServer(this.identity, "instance#1", this.now, holdMillis + 30_000)
    } else if (this.server.state.phase === "gone") {
      link.toClient.push(encodeFrame({ type: "reset", offset: 0, reason: reason.unknown }))
      return
    }
    this.feed(this.server, { ...frame, type: "offered" })
  }

  /** The carrier is gone; each side learns it with `learn`. What is under way on it may still arrive before. */
  cut(generation: number, code = 1006) {
    const link = this.links.get(generation)
    if (link === undefined || link.dead) return
    link.dead = true
    link.lost.client ??= code
    link.lost.server ??= code
  }

  learn(generation: number, role: Role) {
    const link = this.links.get(generation)
    const code = link?.lost[role]
    if (link === undefined || code === undefined) return
    link.lost[role] = undefined
    if (role === "server") link.toServer.length = 0
    else link.toClient.length = 0
    this.feed(role === "client" ? this.client : this.server, { type: "lost", generation, code })
  }

  write(side: Side, wanted: number) {
    const spare = Math.max(0, side.budget - reservedBytes(side.state))
    const length = Math.min(wanted, takeableBytes(side.state, spare))
    if (length <= 0) return
    const bytes = bytesAt(side.written, length)
    side.written += length
    this.feed(side, { type: "local", bytes })
  }

  read(side: Side, wanted: number) {
    const bytes = Math.min(wanted, side.waiting)
    if (bytes <= 0) return
    side.waiting -= bytes
    this.feed(side, { type: "delivered", bytes })
  }

  /** Time passes, with a tick at every deadline. `asleep`: only the clock on the wall moves. */
  pass(millis: number, asleep = false) {
    this.wall += millis
    if (asleep) return
    const until = this.now + millis
    for (;;) {
      const due = Math.min(nextDeadline(this.client.state), nextDeadline(this.server.state))
      if (due > until) break
      this.now = Math.max(this.now, due)
      for (const side of [this.client, this.server]) {
        this.feed(side, { type: "tick" })
        if (nextDeadline(side.state) > this.now) continue
        this.violations.push(`${side.role}: wants a tick again at once`)
        return
      }
    }
    this.now = Math.max(this.now, until)
  }

  #act(side: Side, action: Action) {
    switch (action.type) {
      case "send": {
        const generation = side.state.phase === "gone" ? 0 : side.state.generation
        const link = this.links.get(generation)
        if (link === undefined || link.dead) return
        const queue = side.role === "client" ? link.toServer : link.toClient
        queue.push(encodeFrame(action.frame))
        return
      }
      case "deliver": {
        const expected = bytesAt(side.delivered, action.bytes.byteLength)
        if (!Buffer.from(expected).equals(Buffer.from(action.bytes)))
          this.violations.push(`${side.role}: wrong bytes at ${side.delivered}`)
        side.delivered += action.bytes.byteLength
        side.waiting += action.bytes.byteLength
        if (side.endDelivered) this.violations.push(`${side.role}: bytes after the end of data`)
        return
      }
      case "deliverEnd":
        if (side.endDelivered) this.violations.push(`${side.role}: a second end of data`)
        side.endDelivered = true
        return
      case "close": {
        const link = this.links.get(action.generation)
        if (link === undefined || link.dead) return
        link.dead = true
        if (side.role === "client") link.lost.server = action.code
        else link.lost.client = action.code
        return
      }
      case "dial":
        side.wantsDial = true
        return
      case "ended":
        side.ends.push(action)
        // An application that has left takes nothing, and wants nothing.
        if (action.reason === reason.closed && !side.left) {
          const peer = this.other(side)
          if (side.waiting > 0 || side.delivered !== peer.written || !side.endDelivered)
            this.violations.push(
              `${side.role}: a clean end with ${peer.written - side.delivered + side.waiting} bytes missing`,
            )
        }
        if (action.reason.startsWith("protocol")) side.protocolErrors.push(action.reason)
        return
      case "suspended":
        side.suspensions += 1
        return
      case "forget":
        side.forgets += 1
        return
      default:
        return
    }
  }

  #check(side: Side) {
    const { state } = side
    if (state.phase !== "live") return
    const peer = this.other(side).state
    const kept = state.queue.end - state.queue.base
    if (kept > 8 * 1024 * 1024 || kept > 16 * 1024 + side.budget) this.violations.push(`${side.role}: keeps ${kept}`)
    const promised = state.creditGiven - state.delivered
    if (promised > 8 * 1024 * 1024 || promised > 16 * 1024 + side.budget)
      this.violations.push(`${side.role}: promised ${promised}`)
    if (peer.phase === "live" && state.queue.high > peer.creditGiven)
      this.violations.push(`${side.role}: ${state.queue.high - peer.creditGiven} bytes beyond the window`)
    if (peer.phase === "live" && state.queue.base > peer.received)
      this.violations.push(`${side.role}: freed bytes that the peer lacks`)
  }
}
