import type { WebSocket } from "ws"
import type { DialFailure } from "../../protocol/control.ts"
import { closeCode } from "../../protocol/names.ts"
import { carrierMaxPayload, type Splice, type SpliceEnd, splice } from "../../protocol/splice.ts"
import type { Refusal } from "../../protocol/status.ts"
import type { AuditLine } from "../audit/AuditLog.ts"
import { refuseUpgrade } from "../http/answers.ts"
import { type PendingUpgrade, WebSockets } from "../http/webSockets.ts"
import { bytesCarried, carriersEnded, openingSeconds, refusals } from "../metrics.ts"
import { type RelayRefusal, refusalOf, TicketRefused } from "../refusals.ts"
import type { ControlSession } from "../sessions/ControlSession.ts"
import type { Directory } from "../sessions/Directory.ts"
import type { Time } from "../time/Time.ts"
import { Opening } from "./Opening.ts"
import { openingRefusal } from "./openingRefusal.ts"
import { StreamCounts } from "./StreamCounts.ts"
import { outcomeOf, type StreamRequest, streamLine, type Verdict } from "./StreamRequest.ts"
import { Tickets } from "./Tickets.ts"

export interface StreamsOptions {
  readonly time: Time
  readonly replica: string
  readonly directory: Directory
  readonly limits: () => { readonly streamsPerCaller: number; readonly streamsPerCluster: number }
  readonly audit: (line: AuditLine) => void
  /** Why what was asked for, or is carried by this session, must end now. */
  readonly verdict: (request: StreamRequest, session: ControlSession | undefined) => Verdict | undefined
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

interface Carrier {
  readonly request: StreamRequest
  readonly session: ControlSession
  readonly splice: Splice
}

const movedAway: Verdict = { code: closeCode.moved, reason: "relay-draining" }

/** All openings and carriers of this relay. */
export class Streams {
  readonly #options: StreamsOptions
  readonly #counts: StreamCounts
  readonly #tickets: Tickets<Ticketed>
  readonly #sockets = new WebSockets(carrierMaxPayload)
  readonly #waiting = new Set<Waiting>()
  readonly #carriers = new Set<Carrier>()
  #draining = false

  constructor(options: StreamsOptions) {
    this.#options = options
    this.#counts = new StreamCounts(options.limits)
    this.#tickets = new Tickets(options.time.monotonic)
  }

  statistics() {
    let held = 0
    for (const carrier of this.#carriers) held += carrier.splice.heldBytes
    return { openings: this.#waiting.size, carriers: this.#carriers.size, tickets: this.#tickets.size, heldBytes: held }
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
    for (const { request, opening } of [...this.#waiting]) if (request.cluster === cluster) opening.agentCame()
  }

  dialFailed(session: ControlSession, ticket: string, reason: DialFailure) {
    this.#tickets.find(ticket, session.secret)?.failed(reason)
  }

  /** Ends every opening and carrier, of this cluster or of all, for which there is a verdict. */
  recheck(cluster: string | undefined) {
    const { verdict } = this.#options
    const concerned = ({ request }: { readonly request: StreamRequest }) =>
      cluster === undefined || request.cluster === cluster
    for (const { request, opening } of [...this.#waiting].filter(concerned))
      if (verdict(request, undefined) !== undefined) opening.fail({ type: "revoked" })
    for (const carrier of [...this.#carriers].filter(concerned)) {
      const end = verdict(carrier.request, carrier.session)
      if (end !== undefined) carrier.splice.close(end.code, end.reason)
    }
  }

  /** Moves everything away (4001). */
  drain() {
    this.#draining = true
    for (const { opening } of [...this.#waiting]) opening.fail({ type: "draining" })
    for (const carrier of [...this.#carriers]) carrier.splice.close(movedAway.code, movedAway.reason)
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
        this.#carry(request, session, userSocket, agentSocket, leave)
      })
      if (user.socket.destroyed) abandon()
    })
    if (half.upgrade.socket.destroyed) abandon()
  }

  #carry(request: StreamRequest, session: ControlSession, user: WebSocket, agent: WebSocket, leave: () => void) {
    const { time } = this.#options
    const began = time.monotonic()
    let ended = false
    const onEnd = ({ code, reason, bytesAToB, bytesBToA }: SpliceEnd) => {
      ended = true
      session.streams -= 1
      leave()
      if (carrier !== undefined) this.#carriers.delete(carrier)
      bytesCarried.add(bytesAToB, { direction: "to-cluster" })
      bytesCarried.add(bytesBToA, { direction: "from-cluster" })
      carriersEnded.add(1, { outcome: outcomeOf(code) })
      this.#audit(request, {
        outcome: outcomeOf(code),
        reason,
        code,
        agent: session.agent.instance,
        durationMillis: Math.round(time.monotonic() - began),
        bytesToCluster: bytesAToB,
        bytesFromCluster: bytesBToA,
      })
    }
    let carrier: Carrier | undefined
    const joined = splice(user, agent, { onEnd })
    carrier = { request, session, splice: joined }
    if (!ended) this.#carriers.add(carrier)
    // Between the pairing and here it was neither an opening nor a carrier, so no revocation reached it.
    const end = this.#draining ? movedAway : this.#options.verdict(request, session)
    if (end !== undefined) joined.close(end.code, end.reason)
    agent.resume()
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
