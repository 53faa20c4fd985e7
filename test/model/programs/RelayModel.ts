import { Either } from "effect"
import type { DialFailure } from "../../../protocol/control.ts"
import { closeCode } from "../../../protocol/names.ts"
import { sessionSilenceMillis } from "../../../relay/configuration/limits.ts"
import { RelayDraining, refusalOf, TicketRefused } from "../../../relay/refusals.ts"
import { ControlSession } from "../../../relay/sessions/ControlSession.ts"
import { Directory } from "../../../relay/sessions/Directory.ts"
import { Opening } from "../../../relay/streams/Opening.ts"
import { openingRefusal } from "../../../relay/streams/openingRefusal.ts"
import { Pace } from "../../../relay/streams/Pace.ts"
import { Tickets, type TicketUse } from "../../../relay/streams/Tickets.ts"
import type { Time } from "../../../relay/time/Time.ts"
import type { End } from "../network/Connection.ts"
import type { Host } from "../network/Host.ts"
import type { Network } from "../network/Network.ts"
import { controlSocket } from "./ControlSocket.ts"
import { OpeningWatch } from "./OpeningWatch.ts"
import { headBytes, headOf, refuse, splice, type Wire } from "./Wire.ts"

/** The URL that relay and agents of the model agree on. */
export const relayUrlOfModel = "https://relay.model"
const cluster = "edge-1"
const replica = "relay-0"
const protocols = ["v1"]

interface Ticketed extends TicketUse {
  readonly failed: (reason: DialFailure) => void
  readonly arrive: (half: End<Wire>) => void
}

export interface RelaySurroundings {
  /** Openings of other users that want a dial whenever a session comes or goes. */
  readonly neighbours: number
  readonly violation: (what: string) => void
}

/**
 * A relay process: the product's control sessions, directory, tickets, openings and their pace, joined here as relay/Relay.ts and
 * relay/streams/Streams.ts join them.
 */
export class RelayModel {
  readonly #host: Host
  readonly #time: Time
  readonly #around: RelaySurroundings
  readonly #directory = new Directory()
  readonly #unproven = new Set<ControlSession>()
  readonly #openings = new Map<Opening, OpeningWatch>()
  readonly #tickets: Tickets<Ticketed>
  readonly #pace: Pace
  readonly #carriers = new Set<{ close: (code: number) => void }>()
  /** Jobs that the pace has not run yet. */
  #queued = 0
  #draining = false

  constructor(host: Host, network: Network<Wire>, around: RelaySurroundings) {
    this.#host = host
    this.#around = around
    this.#time = {
      monotonic: () => host.now,
      wall: () => new Date(host.wall),
      after: (millis, run) => host.after(millis, run),
    }
    this.#tickets = new Tickets(this.#time.monotonic)
    this.#pace = new Pace(this.#time)
    network.listen(host, (end) => {
      end.onMessage = (first) => this.#first(end, first)
    })
    this.#poll()
  }

  /** What is left when all streams have ended must be nothing. */
  get counts() {
    const counted = this.#directory.all().reduce((sum, { streams }) => sum + streams, 0)
    const { size: carriers } = this.#carriers
    return { carriers, openings: this.#openings.size, tickets: this.#tickets.size, counted, queued: this.#queued }
  }

  drain() {
    this.#draining = true
    this.#tell((opening) => opening.fail({ type: "draining" }))
    for (const carrier of [...this.#carriers]) carrier.close(closeCode.moved)
    for (const session of [...this.#directory.all(), ...this.#unproven]) session.end(closeCode.moved, "relay-draining")
  }

  #poll() {
    this.#host.after(1_000, () => {
      for (const session of this.#directory.all())
        if (session.heardAt < this.#host.now - sessionSilenceMillis) session.end(closeCode.moved, "silent")
      this.#poll()
    })
  }

  #first(end: End<Wire>, first: Wire) {
    const head = headOf(first)
    if (head.say === "ticket") return this.#pickUp(end, head.ticket, head.sessionSecret)
    if (this.#draining) return refuse(end, refusalOf(new RelayDraining()))
    if (head.say === "control") return this.#control(end)
    if (head.say === "stream") return this.#open(end, head.instance)
    throw new Error(`a connection to the relay began with ${head.say}`)
  }

  #control(end: End<Wire>) {
    end.send({ say: "101" }, headBytes)
    const socket = controlSocket(end)
    const session = new ControlSession(socket, "192.0.2.2", {
      time: this.#time,
      publicUrl: relayUrlOfModel,
      replica,
      version: "1",
      verify: ({ instance, sessionKey }) =>
        Either.right({ cluster, instance, sessionKey, identityKey: sessionKey, serial: 1 }),
      onOpen: (opened) => {
        this.#unproven.delete(opened)
        this.#directory.add(opened)?.end(closeCode.superseded, "superseded")
        this.#crowd()
        this.#tell((opening) => opening.agentCame())
      },
      onRefused: () => {},
      onDialFailed: (from, ticket, reason) => this.#tickets.find(ticket, from.secret)?.failed(reason),
      onEnd: (ended) => {
        this.#directory.remove(ended)
        this.#crowd()
        this.#tell((opening) => opening.sessionEnded(ended))
      },
    })
    this.#unproven.add(session)
    socket.once("close", () => this.#unproven.delete(session))
  }

  #tell(news: (opening: Opening) => void) {
    for (const opening of [...this.#openings.keys()]) news(opening)
    for (const watch of this.#openings.values()) watch.judge()
  }

  #crowd() {
    for (let left = this.#around.neighbours; left > 0; left -= 1) this.#paced(() => true)
  }

  #paced(job: () => boolean) {
    this.#queued += 1
    this.#pace.run(cluster, () => {
      this.#queued -= 1
      return job()
    })
  }

  #open(user: End<Wire>, instance: string | undefined) {
    let half: End<Wire> | undefined
    const resumes = instance !== undefined
    const watch = new OpeningWatch({
      host: this.#host,
      resumes,
      isAnotherThere: (asked) =>
        this.#directory.of(cluster).some((one) => one.isOpen && !one.draining && !asked.has(one)),
      violation: this.#around.violation,
    })
    const opening: Opening = new Opening({
      time: this.#time,
      resumes,
      choose: (tried) => this.#directory.choose(cluster, tried),
      pace: (job) => {
        watch.queued += 1
        this.#paced(() => {
          watch.queued -= 1
          return job()
        })
      },
      dial: (session, attempt) => {
        watch.asked(session)
        return this.#dial(session, instance, {
          arrive: (arrived) => {
            half = arrived
            if (!opening.arrived(attempt)) refuse(arrived, refusalOf(new TicketRefused()))
          },
          failed: (reason) => {
            watch.refused(session)
            opening.dialFailed(attempt, reason)
          },
        })
      },
      revokeTicket: (ticket) => this.#tickets.revoke(ticket),
      onPaired: (session) => this.#join(user, half!, session),
      onRefused: (failure) => {
        watch.failed(failure)
        refuse(user, openingRefusal(failure))
      },
      onEnd: () => {
        watch.ended()
        this.#openings.delete(opening)
      },
    })
    this.#openings.set(opening, watch)
    user.onClose = () => opening.userLeft()
    opening.start()
  }

  #dial(session: ControlSession, instance: string | undefined, answers: Pick<Ticketed, "arrive" | "failed">): string {
    const ticket = this.#tickets.issue({ sessionSecret: session.secret, protocols, ...answers })
    session.dial({
      ticket,
      replica,
      protocols,
      callerHash: "c".repeat(43),
      clientAddress: "192.0.2.1",
      ...(instance === undefined ? {} : { instance }),
    })
    return ticket
  }

  #pickUp(half: End<Wire>, ticket: string, sessionSecret: string) {
    const found = this.#tickets.take(ticket, sessionSecret, protocols[0]!)
    if (found === undefined) return refuse(half, refusalOf(new TicketRefused()))
    found.arrive(half)
  }

  #join(user: End<Wire>, agent: End<Wire>, session: ControlSession) {
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
