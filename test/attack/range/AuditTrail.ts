import { readFileSync } from "node:fs"
import { eventually } from "../../world/eventually.ts"

/** An event of the API server's audit log (audit.k8s.io/v1), as far as the judge looks. */
export interface AuditEvent {
  readonly auditID: string
  readonly requestReceivedTimestamp: string
  readonly stage: string
  readonly verb: string
  readonly requestURI: string
  readonly userAgent?: string
  readonly sourceIPs?: readonly string[]
  readonly user: {
    readonly username: string
    readonly groups?: readonly string[]
    readonly extra?: Readonly<Record<string, readonly string[]>>
  }
  readonly impersonatedUser?: {
    readonly username: string
    readonly groups?: readonly string[]
    readonly uid?: string
    readonly extra?: Readonly<Record<string, readonly string[]>>
  }
  readonly objectRef?: { readonly resource?: string; readonly namespace?: string; readonly name?: string }
  readonly responseStatus?: { readonly code?: number }
}

/** The auth proxy asks these by itself: the version, and who it would be while it impersonates. */
const isOwnQuestion = ({ requestURI, impersonatedUser }: AuditEvent): boolean =>
  impersonatedUser === undefined
    ? requestURI === "/version"
    : impersonatedUser.username.startsWith("clusterconnect-probe")

/** How long the API server may take to write what it has answered. */
const writeLimitMillis = 10_000

/** A moment, and how many bytes the record had then. */
export interface Mark {
  readonly at: number
  readonly bytes: number
}

/** The API server's own record: what did not get into it did not reach the API server. */
export class AuditTrail {
  readonly #file: string
  readonly #accounts: string

  /** `accounts`: beginning of the names of the service accounts that auth proxies of this cluster use. */
  constructor(file: string, accounts: string) {
    this.#file = file
    this.#accounts = accounts
  }

  /** A moment in the record; the requests that the API server gets later are {@link since} it. */
  mark(): Mark {
    return { at: Date.now(), bytes: readFileSync(this.#file).lastIndexOf("\n") + 1 }
  }

  /**
   * Every request of an auth proxy that the API server got since the mark, once each, without what auth proxies ask by themselves.
   * A line that is being written is left for the next look, and an earlier request whose end is on record only now is not counted.
   */
  since(mark: Mark): readonly AuditEvent[] {
    const events = new Map<string, AuditEvent>()
    for (const line of readFileSync(this.#file).subarray(mark.bytes).toString("utf8").split("\n").slice(0, -1)) {
      const event = JSON.parse(line) as AuditEvent
      if (Date.parse(event.requestReceivedTimestamp) < mark.at) continue
      if (event.user.username.startsWith(this.#accounts) && !isOwnQuestion(event)) events.set(event.auditID, event)
    }
    return [...events.values()]
  }

  /** The first event since the mark that is as wanted; waits for it. */
  async event(mark: Mark, what: string, wanted: (event: AuditEvent) => boolean): Promise<AuditEvent> {
    return eventually(`in the API server's audit log: ${what}`, writeLimitMillis, async () => {
      const found = this.since(mark).find((event) => event.stage !== "RequestReceived" && wanted(event))
      return found === undefined ? { seen: this.since(mark).map(({ requestURI }) => requestURI) } : { done: found }
    })
  }
}
