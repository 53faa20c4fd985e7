import type { ControlFrame, Frame, OutgoingData } from "../frame.ts"
import type { SendQueue } from "./sendQueue.ts"

export type Role = "client" | "server"

/** What the outside world says at the time of an event. */
export interface Moment {
  /** Monotonic milliseconds. May stand still while a laptop sleeps. */
  readonly now: number
  /** Wall-clock milliseconds. Goes on while a laptop sleeps; may jump. */
  readonly wall: number
  /** Bytes left in the process budget. */
  readonly spare: number
  /** Bytes that the attached carrier takes now; see `handLimit`. Nothing is sent while it is 0 or less. */
  readonly room: number
}

export type Event = { readonly at: Moment } & (
  | { readonly type: "attached"; readonly generation: number }
  | {
      readonly type: "offered"
      readonly generation: number
      readonly receivedOffset: number
      readonly creditLimit: number
    }
  | { readonly type: "lost"; readonly generation: number; readonly code: number }
  | { readonly type: "dialEnded"; readonly reason: string }
  | { readonly type: "frame"; readonly generation: number; readonly frame: Frame }
  | { readonly type: "malformed"; readonly generation: number }
  | { readonly type: "local"; readonly bytes: Uint8Array }
  | { readonly type: "localEnd" }
  | { readonly type: "localGone" }
  | { readonly type: "delivered"; readonly bytes: number }
  | { readonly type: "reset"; readonly reason: string }
  | { readonly type: "use"; readonly inUse: boolean }
  | { readonly type: "probe" }
  | { readonly type: "drain" }
  /** The carrier has room again, or a deadline of `nextDeadline` has come. */
  | { readonly type: "tick" }
)

export type Action =
  /** On the attached carrier, in order. */
  | { readonly type: "send"; readonly frame: ControlFrame | OutgoingData }
  /** To the local reader, in order; report with `delivered` once it took them. */
  | { readonly type: "deliver"; readonly bytes: Uint8Array }
  | { readonly type: "deliverEnd" }
  | { readonly type: "close"; readonly generation: number; readonly code: number; readonly reason: string }
  /** Client: get a carrier of a higher generation. `parallel` when the present one may still be alive. */
  | { readonly type: "dial"; readonly parallel: boolean }
  | { readonly type: "accepted"; readonly instance: string }
  | { readonly type: "suspended" }
  | { readonly type: "resumed" }
  | { readonly type: "drain" }
  | { readonly type: "ponged"; readonly id: number }
  /** Exactly once per state. `complete`: the peer's fin was received, so what was delivered is everything. */
  | {
      readonly type: "ended"
      readonly reason: string
      readonly complete: boolean
      readonly bytesSent: number
      readonly bytesReceived: number
    }
  /** Nothing is left to remember. */
  | { readonly type: "forget" }

export interface Identity {
  readonly streamId: Uint8Array
  readonly resumeSecret: Uint8Array
}

export interface Instant {
  readonly now: number
  readonly wall: number
}

interface Common {
  readonly role: Role
  readonly identity: Identity
  /** What `accepted` names (server). */
  readonly instance: string
  readonly holdMillis: number
  /** Of the newest carrier attached; frames of any other are dropped. */
  generation: number
  attached: boolean
  /** Client: a dial is under way. */
  dialing: boolean
  /** The first frame of the carrier is still to be sent. */
  owesGreeting: boolean
  /** Bytes of the peer's sequence received, all without a gap. */
  received: number
  lastHeard: number
  owesPong: number | undefined
  /** Client: `accepted` has come on some carrier. Server: always. */
  accepted: boolean
}

/** A stream that has not ended at this end. Mutated in place by `step`. */
export interface Live extends Common {
  phase: "live"
  /** Client: `accepted` has come on this carrier. Server: always while attached. */
  ready: boolean
  suspendedAt: Instant | undefined
  /** Client: why no other carrier can be had while the present one is silent. */
  noDialBecause: string | undefined
  inUse: boolean
  /** Since when the peer owes an answer or the stream is in use. */
  busySince: number | undefined
  attachedAt: number

  readonly queue: SendQueue
  peerCredit: number
  /** Of our own direction; "sent" on the present carrier. */
  fin: "none" | "queued" | "sent" | "acked"
  /** Our fin went out on some carrier, so an ack of it is legal. */
  finOut: boolean
  /** The application has left: nothing is delivered any more, and what it wrote has to make progress. */
  readerGone: boolean
  progressAt: number

  delivered: number
  creditGiven: number
  window: number
  peerFin: boolean
  owesAck: boolean
  ackAt: number
  ackedOffset: number
  owesCredit: boolean
  owesDrain: boolean
  draining: boolean
  /** Client: the server closed the carrier as one that has ended. */
  peerEnded: boolean

  /** Ids count up; the newest one ever asked for. */
  pingId: number
  owesPing: boolean
  pingSentAt: number | undefined
  minRttMillis: number
  rttProbeAt: number
  sampleAt: number
  sampleDelivered: number
  lastDelivery: number
  sendRate: number | undefined
  rateAt: number
  rateAcked: number
}

/** What is left of a stream that has ended here, so that a resume gets a true answer. */
export interface Tombstone extends Common {
  phase: "tombstone"
  readonly sentOffset: number
  /** What our acks say. */
  ackEnd: "none" | "fin" | "reset"
  owesAck: boolean
  /** A reset of ours that the peer has not acknowledged. */
  unacknowledged: string | undefined
  owesReset: boolean
  /** Client: its pong proves that our last ack has arrived. */
  owesPing: boolean
  /** The peer needs nothing more from us. */
  settled: boolean
  readonly endedAt: Instant
  /** A carrier that has brought no last word by then is given up. */
  lingerUntil: number
}

export interface Gone {
  phase: "gone"
}

export type State = Live | Tombstone | Gone
