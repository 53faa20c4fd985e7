import { Transform, type TransformCallback } from "node:stream"
import { MAX_AHEAD_BYTES } from "./readAhead.ts"

/** How long the server must have said nothing before it counts as having nothing on the way. */
const QUIET_MILLIS = 200
/**
 * The same after so much in a short time: as much again may stand in the kernels between kubelet, API server and us, and a busy machine may
 * keep the API server from passing it on for longer than {@link QUIET_MILLIS}. Shorter than the time between two pings.
 */
const BULK_BYTES = 1024 * 1024
const BULK_QUIET_MILLIS = 3_000
/** In this time so much as makes bulk is forgotten again, and at most twice as much is remembered. */
const FORGET_MILLIS = 10_000
/** Whose bytes are on the way, and how long its keep-alives wait at most: since some were let go last, and since the oldest came. */
const LIMITS = {
  keepsUp: { sinceLetGoMillis: 10_000, sinceCameMillis: 3_000 },
  /** Always behind, but has taken {@link KERNEL_BYTES} since the oldest came. */
  fast: { sinceLetGoMillis: 15_000, sinceCameMillis: 3_000 },
  slow: { sinceLetGoMillis: 20_000, sinceCameMillis: 9_000 },
} as const
/** So much as kernels usually keep between an API server that has closed and us: what is lost is there, and the answer would stand behind it. */
const KERNEL_BYTES = 10 * 1024 * 1024
/** What is read of the server before keep-alives go is so much as the client takes in this time. */
const AHEAD_MILLIS = 5_000
/** A client that is behind and takes nothing for this long stands still or has no path, and no answer would get to it. */
const STANDS_STILL_MILLIS = 400
/** After a standstill so long as this, what was said meanwhile is read for {@link BULK_QUIET_MILLIS} first. */
const STOOD_STILL_MILLIS = 1_000
/** Pings come every 5 s; whoever sends more than this gets through at once. */
const MAX_HELD_BYTES = 1_024

/** What the other direction is doing. */
export interface OtherDirection {
  /** Bytes of the server wait for the client: here, or in the kernel because nobody reads them. */
  readonly isBehind: () => boolean
  /** Reads what the server has said already, at most so many bytes, whatever the client takes: if it has closed, its end is among it. */
  readonly readAhead: (most: number) => Promise<void>
}

/**
 * The client's bytes on their way to the server, all and in order; only keep-alives (WebSocket ping, SPDY/3.1 PING) wait, each for a moment and
 * then while bytes of the server are on the way to the client. A server that is done closes its socket while its last bytes are still queued in
 * the kernel: any byte that arrives there then is answered by a reset, and what was queued is lost. The answer to a keep-alive would
 * come behind those bytes anyway. Everything else goes at once and takes what waits along.
 */
export class KeepAliveHold extends Transform {
  readonly #other: OtherDirection
  #held: Buffer[] = []
  #heldBytes = 0
  #heardAt = Number.NEGATIVE_INFINITY
  /** Less what was forgotten since, but for times in which the client took nothing. */
  #recentBytes = 0
  #behindAt = Number.NEGATIVE_INFINITY
  #heldSince = 0
  /** Of keep-alives. kubectl's patience begins with the session. */
  #letGoAt = performance.now()
  /** When the client, or this process, went on after a standstill. */
  #wentOnAt = Number.NEGATIVE_INFINITY
  /** Since the oldest keep-alive came. */
  #heardWhileHeld = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(other: OtherDirection) {
    super()
    this.#other = other
  }

  /** So many bytes came from the server. */
  heard(bytes: number): void {
    const now = performance.now()
    // What is stuck may be less than pauses the server: then nobody says that it is read again.
    if (this.#behindAt > this.#heardAt) this.#goOn(this.#heardAt)
    const forgotten = ((now - this.#heardAt) / FORGET_MILLIS) * BULK_BYTES
    this.#recentBytes = Math.min(Math.max(0, this.#recentBytes - forgotten) + bytes, 2 * BULK_BYTES)
    this.#heardAt = now
    this.#heardWhileHeld += bytes
  }

  /** The server is read again after a time in which the client took nothing: that was no pause of the server's, and it may have more. */
  readAgain(): void {
    this.#goOn(this.#heardAt)
    this.#heardAt = performance.now()
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    // Also when nothing is on the way: after a standstill of this process, whatever is read first says nothing of what else waits.
    if (isKeepAlive(chunk) && this.#heldBytes + chunk.length <= MAX_HELD_BYTES) {
      this.#held.push(chunk)
      this.#heldBytes += chunk.length
      if (this.#timer === undefined) {
        this.#heldSince = performance.now()
        this.#heardWhileHeld = 0
        this.#wait()
      }
    } else {
      this.#release()
      this.push(chunk)
    }
    done()
  }

  override _flush(done: TransformCallback): void {
    this.#release()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#clear()
    done(error)
  }

  #mustHold(): boolean {
    if (!this.#other.isBehind()) return this.#isOnItsWay()
    this.#behindAt = performance.now()
    return true
  }

  /** The server has not been quiet for long enough to have nothing more. */
  #isOnItsWay(): boolean {
    return performance.now() - this.#heardAt < (this.#recentBytes < BULK_BYTES ? QUIET_MILLIS : BULK_QUIET_MILLIS)
  }

  #wait(): void {
    const begun = performance.now()
    const look = () => {
      if (this.#timer !== timer) return
      // This process stood still as well as the client may.
      this.#goOn(begun, QUIET_MILLIS + STOOD_STILL_MILLIS)
      if (!this.#mustHold()) this.#release()
      else if (this.#mayHold()) this.#wait()
      else
        void this.#readAhead().then(() => {
          if (this.#timer === timer) this.#release()
        })
    }
    // After a whole turn of the event loop, in which sockets are looked at: a process that stood still wakes with its timers.
    const timer = setTimeout(() => setImmediate(() => setImmediate(look)), QUIET_MILLIS)
    this.#timer = timer
  }

  #mayHold(): boolean {
    const now = performance.now()
    const standsStill = this.#other.isBehind() && this.#counts(this.#heardAt, STANDS_STILL_MILLIS)
    return now < this.#limitAt() || standsStill || now - this.#wentOnAt < BULK_QUIET_MILLIS
  }

  /** The answer will stand behind that, so it is no more than the client takes in a short time; of a slow one's it would show nothing. */
  async #readAhead(): Promise<void> {
    const rate = this.#heardWhileHeld / (performance.now() - this.#heldSince)
    const most = Math.min(MAX_AHEAD_BYTES, rate * AHEAD_MILLIS)
    if (most >= KERNEL_BYTES) await this.#other.readAhead(most)
  }

  /** A standstill from then until now is over, of the client or of this process: what the server said meanwhile is still to be read. */
  #goOn(since: number, millis = STOOD_STILL_MILLIS): void {
    if (this.#counts(since, millis)) this.#wentOnAt = performance.now()
  }

  /** Whether a standstill is so long, and began in time: a client that takes a little now and then must get its answers too. */
  #counts(since: number, millis: number): boolean {
    return performance.now() - since >= millis && since < this.#limitAt(since)
  }

  /** Until when the keep-alives wait, unless there is a standstill, by what the client was then. */
  #limitAt(at = performance.now()): number {
    // A client that is behind is not so in every moment: it counts as such for as long as bulk counts as on its way.
    const isBehind = at - this.#behindAt < BULK_QUIET_MILLIS
    const isFast = this.#heardWhileHeld >= KERNEL_BYTES
    const { sinceLetGoMillis, sinceCameMillis } = LIMITS[isBehind ? (isFast ? "fast" : "slow") : "keepsUp"]
    return Math.max(this.#letGoAt + sinceLetGoMillis, this.#heldSince + sinceCameMillis)
  }

  #release(): void {
    const held = this.#held
    if (held.length > 0) this.#letGoAt = performance.now()
    this.#clear()
    for (const chunk of held) this.push(chunk)
  }

  #clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#held = []
    this.#heldBytes = 0
  }
}

/** SPDY/3.1 PING: control frame of type 6, no flags, four bytes of id. */
const spdyPing = Buffer.from([0x80, 3, 0, 6, 0, 0, 0, 4])
const spdyPingBytes = spdyPing.length + 4

/**
 * True for whole keep-alives and nothing else. Part of a client's data may look like one by chance: it then waits for a moment, and
 * nothing worse happens to it.
 */
export const isKeepAlive = (chunk: Buffer): boolean => {
  let at = 0
  while (at < chunk.length) {
    const length = keepAliveLength(chunk, at)
    if (length === 0 || at + length > chunk.length) return false
    at += length
  }
  return at > 0
}

/** RFC 6455 section 5.5.2: one final frame, masked as a client's is, at most 125 bytes. */
const keepAliveLength = (chunk: Buffer, at: number): number => {
  if (chunk[at] === 0x89) {
    const second = chunk[at + 1] ?? 0
    const payload = second & 0x7f
    return second >= 0x80 && payload <= 125 ? 2 + 4 + payload : 0
  }
  return chunk.length - at >= spdyPingBytes && chunk.subarray(at, at + spdyPing.length).equals(spdyPing)
    ? spdyPingBytes
    : 0
}
