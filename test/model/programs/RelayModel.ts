import type { DialFailure, FromRelay } from "../../../protocol/control.ts"
import { closeCode } from "../../../protocol/names.ts"
import { dialAnswerMillis } from "../../../protocol/ticket.ts"
import {
  openingMillis,
  quietAfterMillis,
  sessionSilenceMillis,
  signOfLifeMillis,
} from "../../../relay/configuration/limits.ts"
import { isBetter } from "../../../relay/sessions/isBetter.ts"
import type { SessionEvent, SessionState } from "../../../relay/sessions/step.ts"
import { step as sessionStep } from "../../../relay/sessions/step.ts"
import { openingRefusal } from "../../../relay/streams/openingRefusal.ts"
import { type OpeningEvent, type OpeningState, opening, openingStep } from "../../../relay/streams/openingStep.ts"
import type { End, Host, Network } from "../network/Network.ts"
import { headBytes, splice, type Wire } from "./Wire.ts"

interface Session {
  state: SessionState
  readonly instance: string
  readonly end: End<Wire>
  streams: number
  heardAt: number
  probed: boolean
  readonly isQuiet: boolean
}

interface Asked {
  readonly session: Session
  readonly ticket: string
}

/** A relay process around the product's own decisions: control sessions and openings. */
export class RelayModel {
  readonly #host: Host
  readonly #sessions = new Map<string, Session>()
  readonly #tickets = new Map<string, (half: End<Wire>) => void>()
  readonly #carriers = new Set<{ close: (code: number) => void }>()
  readonly #openings = new Set<{
    readonly apply: (event: OpeningEvent) => void
    readonly sessionEnded: (session: Session) => void
  }>()
  readonly #failures = new Map<string, (reason: DialFailure) => void>()
  #nextTicket = 1
  #draining = false

  constructor(host: Host, network: Network<Wire>) {
    this.#host = host
    network.listen(host, (end) => {
      end.onMessage = (first) => this.#first(end, first)
    })
    this.#poll()
  }

  get counts() {
    return { carriers: this.#carriers.size, openings: this.#openings.size, tickets: this.#tickets.size }
  }

  drain() {
    this.#draining = true
    for (const { apply } of [...this.#openings]) apply({ type: "ended", failure: { type: "draining" } })
    for (const carrier of [...this.#carriers]) carrier.close(closeCode.moved)
    for (const session of [...this.#sessions.values()])
      this.#session(session, { type: "end", code: closeCode.moved, reason: "relay-draining" })
  }

  #poll() {
    this.#host.after(1_000, () => {
      for (const session of [...this.#sessions.values()])
        if (session.heardAt < this.#host.now - sessionSilenceMillis)
          this.#session(session, { type: "end", code: closeCode.moved, reason: "silent" })
      this.#poll()
    })
  }

  #first(end: End<Wire>, first: Wire) {
    if (first instanceof Uint8Array) throw new Error("a connection to the relay began with a frame")
    if (first.say === "control") return this.#control(end, first.instance)
    if (first.say === "stream") return this.#open(end, first.instance)
    if (first.say !== "ticket") throw new Error(`a connection to the relay began with ${first.say}`)
    const arrive = this.#tickets.get(first.ticket)
    if (arrive === undefined) return refuse(end, 401, "TicketRefused")
    this.#tickets.delete(first.ticket)
    arrive(end)
  }

  #control(end: End<Wire>, instance: string) {
    const host = this.#host
    const session: Session = {
      state: { phase: "challenged" },
      instance,
      end,
      streams: 0,
      heardAt: host.now,
      probed: false,
      get isQuiet() {
        return host.now - this.heardAt > quietAfterMillis
      },
    }
    tell(end, { type: "challenge", nonce: "n".repeat(43), relayUrl: relayUrlOfModel, version: "1" })
    end.onClose = () => this.#session(session, { type: "lost" })
    end.onMessage = (wire) => {
      if (wire instanceof Uint8Array || wire.say !== "toRelay") throw new Error("not a control message")
      session.heardAt = host.now
      session.probed = false
      this.#session(session, { type: "message", message: wire.message })
    }
  }

  #session(session: Session, event: SessionEvent) {
    const [state, actions] = sessionStep(session.state, event)
    session.state = state
    for (const action of actions)
      switch (action.type) {
        case "verify":
          this.#session(session, { type: "admitted", sessionSecret: "s".repeat(43), replica: "relay-0" })
          break
        case "send":
          tell(session.end, action.message)
          break
        case "opened": {
          const older = this.#sessions.get(session.instance)
          this.#sessions.set(session.instance, session)
          if (older !== undefined)
            this.#session(older, { type: "end", code: closeCode.superseded, reason: "superseded" })
          if (this.#draining) this.#session(session, { type: "end", code: closeCode.moved, reason: "relay-draining" })
          for (const { apply } of [...this.#openings]) apply({ type: "agentCame" })
          break
        }
        case "dialFailed":
          this.#failures.get(action.ticket)?.(action.reason)
          break
        case "close":
          session.end.close(action.code)
          break
        case "ended":
          if (this.#sessions.get(session.instance) === session) this.#sessions.delete(session.instance)
          for (const { sessionEnded } of [...this.#openings]) sessionEnded(session)
          break
      }
  }

  /** As relay/streams/Streams.ts and Opening.ts drive the opening's steps. */
  #open(user: End<Wire>, instance: string | undefined) {
    if (this.#draining) return refuse(user, 503, "draining")
    const asked: Asked[] = []
    const halves: (End<Wire> | undefined)[] = []
    let state: OpeningState = opening(instance !== undefined)
    let chosen: Session | undefined
    const apply = (event: OpeningEvent) => {
      const [next, actions] = openingStep(state, event)
      state = next
      for (const action of actions)
        switch (action.type) {
          case "choose":
            chosen = this.#choose(asked)
            apply({ type: "chosen", available: chosen !== undefined })
            break
          case "dial":
            dial(chosen!, action.attempt)
            break
          case "pair":
            this.#pair(user, halves[action.attempt]!, asked[action.attempt]!.session)
            break
          case "refuse": {
            const refusal = openingRefusal(action.failure)
            refuse(user, refusal.code, refusal.cause)
            break
          }
          case "forget":
            this.#openings.delete(one)
            stopDeadline()
            for (const { session, ticket } of asked) {
              session.streams -= 1
              this.#tickets.delete(ticket)
              this.#failures.delete(ticket)
            }
        }
    }
    const dial = (session: Session, attempt: number) => {
      const ticket = `ticket-${this.#nextTicket++}`
      session.streams += 1
      asked.push({ session, ticket })
      this.#host.after(dialAnswerMillis, () => apply({ type: "unanswered", attempt }))
      if (session.isQuiet)
        this.#host.after(signOfLifeMillis, () => session.isQuiet && apply({ type: "unanswered", attempt }))
      this.#tickets.set(ticket, (half) => {
        halves[attempt] = half
        const waiting = state.phase === "waiting"
        apply({ type: "arrived", attempt })
        if (!waiting || state.phase !== "ended") refuse(half, 401, "TicketRefused")
      })
      this.#failures.set(ticket, (reason) => apply({ type: "dialFailed", attempt, reason }))
      tell(session.end, {
        type: "dial",
        ticket,
        replica: "relay-0",
        protocols: ["v1"],
        callerHash: "c".repeat(43),
        clientAddress: "192.0.2.1",
        ...(instance === undefined ? {} : { instance }),
      })
    }
    const stopDeadline = this.#host.after(openingMillis, () => apply({ type: "expired" }))
    user.onClose = () => apply({ type: "userLeft" })
    const sessionEnded = (ended: Session) => {
      for (const [attempt, { session }] of asked.entries())
        if (session === ended) apply({ type: "unanswered", attempt })
    }
    const one = { apply, sessionEnded }
    this.#openings.add(one)
    chosen = this.#choose(asked)
    apply({ type: "chosen", available: chosen !== undefined })
  }

  #choose(asked: readonly Asked[]): Session | undefined {
    let best: Session | undefined
    for (const session of this.#sessions.values()) {
      if (session.state.phase !== "open" || session.state.draining || asked.some((one) => one.session === session))
        continue
      if (session.isQuiet && !session.probed) {
        session.probed = true
        tell(session.end, { type: "ping", id: 0 })
      }
      if (best === undefined || isBetter(session, best)) best = session
    }
    return best
  }

  #pair(user: End<Wire>, agent: End<Wire>, session: Session) {
    session.streams += 1
    agent.send({ say: "101" }, headBytes)
    user.send({ say: "101" }, headBytes)
    const carrier = splice(user, agent, () => {
      session.streams -= 1
      this.#carriers.delete(carrier)
    })
    this.#carriers.add(carrier)
    if (!user.isOpen || !agent.isOpen) carrier.close(1001)
  }
}

/** The URL that relay and agents of the model agree on. */
export const relayUrlOfModel = "https://relay.model"

const tell = (end: End<Wire>, message: FromRelay) => end.send({ say: "toAgent", message }, 200)

const refuse = (end: End<Wire>, status: number, cause: string) => {
  end.send({ say: "refused", status, cause }, headBytes)
  end.close(1000)
}
