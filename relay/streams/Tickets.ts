import { newSecret, secretsEqual, ticketLifeMillis } from "../../protocol/ticket.ts"

/** What a ticket is good for. */
export interface TicketUse {
  readonly sessionSecret: string
  /** Subprotocols of which the agent's half must speak one. */
  readonly protocols: readonly string[]
}

interface Issued<A extends TicketUse> {
  readonly about: A
  readonly until: number
}

/** Tickets that were given out and not used. Each belongs to an opening that ends, so the openings bound their number. */
export class Tickets<A extends TicketUse> {
  readonly #now: () => number
  readonly #issued = new Map<string, Issued<A>>()

  constructor(now: () => number) {
    this.#now = now
  }

  get size(): number {
    return this.#issued.size
  }

  issue(about: A): string {
    const ticket = newSecret()
    this.#issued.set(ticket, { about, until: this.#now() + ticketLifeMillis })
    return ticket
  }

  /** Whose it is, without using it; undefined as well for a ticket of another session. */
  find(ticket: string, sessionSecret: string): A | undefined {
    const issued = this.#issued.get(ticket)
    if (issued === undefined || !secretsEqual(issued.about.sessionSecret, sessionSecret)) return undefined
    return this.#now() < issued.until ? issued.about : undefined
  }

  /** Uses it up: the next one with the same ticket and secret gets nothing. */
  take(ticket: string, sessionSecret: string, protocol: string): A | undefined {
    const about = this.find(ticket, sessionSecret)
    if (about === undefined || !about.protocols.includes(protocol)) return undefined
    this.#issued.delete(ticket)
    return about
  }

  revoke(ticket: string): void {
    this.#issued.delete(ticket)
  }
}
