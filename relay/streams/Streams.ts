import type { DialFailure } from "../../protocol/control.ts"
import { carrierMaxPayload } from "../../protocol/splice.ts"
import type { Refusal } from "../../protocol/status.ts"
import type { AuditLine } from "../audit/AuditLog.ts"
import { refuseUpgrade } from "../http/answers.ts"
import { type PendingUpgrade, WebSockets } from "../http/webSockets.ts"
import { openingSeconds, refusals } from "../metrics.ts"
import { type RelayRefusal, refusalOf, TicketRefused } from "../refusals.ts"
import type { ControlSession } from "../sessions/ControlSession.ts"
import type { Directory } from "../sessions/Directory.ts"
import { Carriers, type CarriersOptions } from "./Carriers.ts"
import { Opening } from "./Opening.ts"
import { openingRefusal } from "./openingRefusal.ts"
import { Pace } from "./Pace.ts"
import { StreamCounts } from "./StreamCounts.ts"
import { type StreamRequest, streamLine } from "./StreamRequest.ts"
import { Tickets } from "./Tickets.ts"

export interface StreamsOptions extends CarriersOptions {
  readonly replica: string
  readonly directory: Directory
  readonly limits: () => { readonly streamsPerCaller: number; readonly streamsPerCluster: number }
  readonly onTicketUsed: (socket: PendingUpgrade["socket"]) => void
}

interface AgentHalf {
  readonly upgrade: PendingUpgrade
  readonly protocol: string
}

interface Ticketed {
  readonly sessionSecret: string
  readonly protocols: readonly string[]
  readonly failed: (reason: DialFailure) => void
  readonly arrive: (half: AgentHalf) => void
}

interface Waiting {
  readonly request: StreamRequest
  readonly opening: Opening
}

/** All openings and carriers of this relay. */
export class Streams {
  readonly #options: StreamsOptions
  readonly #counts: StreamCounts
  readonly #tickets: Tickets<Ticketed>
  readonly #sockets = new WebSockets(carrierMaxPayload)
  readonly #waiting = new Set<Waiting>()
  readonly #carriers: Carriers
  readonly #pace: Pace

  constructor(options: StreamsOptions) {
    this.#options = options
    this.#counts = new StreamCounts(options.limits)
    this.#tickets = new Tickets(options.time.monotonic)
    this.#carriers = new Carriers(options)
    this.#pace = new Pace(options.time)
  }

  statistics() {
    return { openings: this.#waiting.size, tickets: this.#tickets.size, ...this.#carriers.statistics() }
  }

  /** Opens a carrier for an upgrade whose caller may have it; the answer to the upgrade is its business from here on. */
  open(request: StreamRequest) {
    const { caller, cluster, user } = request
    const { time, directory } = this.#options
    const leave = this.#counts.enter(caller.hash, cluster, request.instance !== undefined)
    if (typeof leave !== "function") return this.#refuse(request, leave)
    const began = time.monotonic()
    const observe = (outcome: string) => openingSeconds.observe((time.monotonic() - began) / 1000, { outcome })
    let half: AgentHalf | undefined
    let paired = false
    const opening = new Opening({
      time,
      resumes: request.instance !== undefined,
      choose: (tried) => directory.choose(cluster, tried),
      pace: (job) => this.#pace.run(cluster, job),
      dial: (session, attempt) =>
        this.#dial(request, session, {
          arrive: (arrived) => {
            half = arrived
            if (!opening.arrived(attempt)) refuse(arrived.upgrade.socket, refusalOf(new TicketRefused()))
          },
          failed: (reason) => opening.dialFailed(attempt, reason),
        }),
      revokeTicket: (ticket) => this.#tickets.revoke(ticket),
      onPaired: (session) => {
        paired = true
        observe("paired")
        this.#join(request, session, half!, leave)
      },
      onRefused: (failure) => {
        const refusal = openingRefusal(failure)
        observe(refusal.cause)
        this.#audit(request, { outcome: refusal.cause })
        refuse(user.socket, refusal)
      },
      onEnd: () => {
        this.#waiting.delete(waiting)
        user.socket.off("close", left).off("end", left)
        if (!paired) leave()
      },
    })
    const waiting = { request, opening }
    const left = () => {
      observe("caller-left")
      this.#audit(request, { outcome: "caller-left" })
      opening.userLeft()
      user.socket.destroy()
    }
    this.#waiting.add(waiting)
    user.socket.once("close", left).once("end", left)
    opening.start()
  }

  /** The agent's half with its ticket. A wrong one is refused before any upgrade. */
  pickUp(upgrade: PendingUpgrade, ticket: string, sessionSecret: string, protocol: string) {
    const found = this.#tickets.take(ticket, sessionSecret, protocol)
    if (found === undefined) return refuse(upgrade.socket, refusalOf(new TicketRefused()))
    this.#options.onTicketUsed(upgrade.socket)
    found.arrive({ upgrade, protocol })
  }

  /** An agent of the cluster can be asked now. */
  agentCame(cluster: string) {
    for (const opening of this.#openingsOf(cluster)) opening.agentCame()
  }

  /** What was asked through it has no answer to come. */
  sessionEnded(session: ControlSession) {
    for (const opening of this.#openingsOf(session.agent.cluster)) opening.sessionEnded(session)
  }

  dialFailed(session: ControlSession, ticket: string, reason: DialFailure) {
    this.#tickets.find(ticket, session.secret)?.failed(reason)
  }

  /** Ends every opening and carrier, of this cluster or of all, for which there is a verdict. */
  recheck(cluster: string | undefined) {
    const { verdict } = this.#options
    for (const { request, opening } of [...this.#waiting]) {
      const isConcerned = cluster === undefined || request.cluster === cluster
      if (isConcerned && verdict(request, undefined) !== undefined) opening.fail({ type: "revoked" })
    }
    this.#carriers.recheck(cluster)
  }

  /** Moves everything away (4001). */
  drain() {
    for (const { opening } of [...this.#waiting]) opening.fail({ type: "draining" })
    this.#carriers.drain()
  }

  #openingsOf(cluster: string): Opening[] {
    return [...this.#waiting].filter(({ request }) => request.cluster === cluster).map(({ opening }) => opening)
  }

  #dial(request: StreamRequest, session: ControlSession, answers: Pick<Ticketed, "arrive" | "failed">): string {
    const { instance, protocols, caller, clientAddress } = request
    const ticket = this.#tickets.issue({ sessionSecret: session.secret, protocols, ...answers })
    session.dial({
      ticket,
      replica: this.#options.replica,
      protocols,
      callerHash: caller.hash,
      clientAddress,
      ...(instance === undefined ? {} : { instance }),
    })
    return ticket
  }

  /** Answers the agent first: the user's 101 must mean that the other half is there. */
  #join(request: StreamRequest, session: ControlSession, half: AgentHalf, leave: () => void) {
    const { user } = request
    session.streams += 1
    let begun = false
    const abandon = () => {
      if (begun) return
      begun = true
      session.streams -= 1
      leave()
      this.#audit(request, { outcome: "half-lost" })
      user.socket.destroy()
      half.upgrade.socket.destroy()
    }
    user.socket.once("close", abandon)
    half.upgrade.socket.once("close", abandon)
    this.#sockets.accept(half.upgrade, half.protocol, (agentSocket) => {
      agentSocket.on("error", () => {}).pause()
      this.#sockets.accept(user, half.protocol, (userSocket) => {
        if (begun) return userSocket.on("error", () => {}).terminate()
        begun = true
        user.socket.off("close", abandon)
        half.upgrade.socket.off("close", abandon)
        this.#carriers.carry({ request, session, user: userSocket, agent: agentSocket, leave })
      })
      if (user.socket.destroyed) abandon()
    })
    if (half.upgrade.socket.destroyed) abandon()
  }

  #refuse(request: StreamRequest, refusal: RelayRefusal) {
    this.#audit(request, { outcome: refusal._tag })
    refuse(request.user.socket, refusalOf(refusal))
  }

  #audit(request: StreamRequest, fields: AuditLine) {
    this.#options.audit(streamLine(request, this.#options.time.wall(), fields))
  }
}

/** Upgrades are answered here and not by the front, so they are counted here too. */
const refuse = (socket: PendingUpgrade["socket"], refusal: Refusal) => {
  refusals.add(1, { cause: refusal.cause })
  refuseUpgrade(socket, refusal)
}
