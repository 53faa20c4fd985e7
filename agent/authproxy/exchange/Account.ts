import { randomUUID } from "node:crypto"
import { callerHash } from "../../../identity/callerHash.ts"
import type { Caller } from "../../../identity/claimMapping.ts"
import { originalUserExtra } from "../../../identity/impersonationRoles.ts"
import type { VerifiedToken } from "../../../identity/TokenVerifier.ts"
import { type Log, redact } from "../../../platform/logs.ts"
import { timingValue } from "../../../protocol/serverTiming.ts"
import { inFlight, requestBytes, requestSeconds, requests, responseBytes } from "../metrics.ts"
import type { LastFrame } from "../upstream/LastFrame.ts"
import type { Witness } from "./admit.ts"
import { proxyTailAt } from "./apiPath.ts"
import { type Incoming, valuesOf } from "./Incoming.ts"
import { pathOf } from "./target.ts"

/** Longest text of a client's choosing in an audit line. */
const maxForeignCharacters = 512

/**
 * What happened to a request: its audit line and its metrics, exactly once. No credential, no query (commands stand there).
 * Names of users and objects stand in full; what a client may write at will is redacted.
 */
export class Account implements Witness {
  /** Ours, on the way to the API server and in its audit log; the client's own is only written down. */
  readonly auditId = randomUUID()
  readonly #log: Log
  readonly #incoming: Incoming
  readonly #about: { readonly cluster: string; readonly clientAddress: string }
  readonly #started = performance.now()
  #sentAt: number | undefined
  #token: VerifiedToken | undefined
  #caller: Caller | undefined
  #effective: Caller | undefined
  #answeredBy = "api-server"
  #code = 0
  #received = 0
  #sent = 0
  #lastFrame: LastFrame | undefined
  #settled = false

  constructor(incoming: Incoming, about: { readonly cluster: string; readonly clientAddress: string }, log: Log) {
    this.#incoming = incoming
    this.#about = about
    this.#log = log
    inFlight.add(1)
  }

  verified(token: VerifiedToken): void {
    this.#token = token
  }

  identified(caller: Caller): void {
    this.#caller = caller
  }

  /** Whose request it is: the same for all of one subject. Empty before the token was verified. */
  get subjectHash(): string {
    return this.#token === undefined ? "" : callerHash(this.#token.issuer, this.#token.subject)
  }

  /** Whom the request was sent as: another than the caller with `kubectl --as`. */
  sentAs(caller: Caller): void {
    this.#effective = caller
    this.#sentAt = performance.now()
  }

  /** How long admission took, and the API server from then to now: for the answer's head. */
  timing(): string {
    const sentAt = this.#sentAt ?? performance.now()
    return timingValue({ "cc-auth-proxy": sentAt - this.#started, "cc-api-server": performance.now() - sentAt })
  }

  received(bytes: number): void {
    this.#received += bytes
  }

  sent(bytes: number): void {
    this.#sent += bytes
  }

  /** The answer's head is known. `by` is `api-server`, or the cause of our refusal. */
  answered(code: number, by: string): void {
    this.#code = code
    this.#answeredBy = by
    requestSeconds.observe((performance.now() - this.#started) / 1000)
  }

  /** The connection was upgraded; what the API server's last word is shows at the end. */
  switched(lastFrame: LastFrame): void {
    this.#lastFrame = lastFrame
  }

  /** Nothing more happens to the request. `cut` says why when it did not come to its proper end. */
  settle(cut?: string): void {
    if (this.#settled) return
    this.#settled = true
    inFlight.add(-1)
    requests.add(1, { code: this.#code === 0 ? "none" : `${Math.floor(this.#code / 100)}xx`, by: this.#answeredBy })
    requestBytes.add(this.#received)
    responseBytes.add(this.#sent)
    const [clientAuditId] = valuesOf(this.#incoming.rawHeaders, "audit-id")
    const as = this.#effective?.extra[originalUserExtra] === undefined ? undefined : this.#effective.username
    const lastWord = this.#lastFrame?.word
    this.#log.audit({
      auditId: this.auditId,
      ...(clientAuditId === undefined ? {} : { clientAuditId: foreign(clientAuditId) }),
      cluster: this.#about.cluster,
      ...(this.#caller === undefined ? {} : { username: this.#caller.username }),
      ...(as === undefined ? {} : { impersonated: as }),
      ...(this.#token === undefined
        ? {}
        : {
            issuer: this.#token.issuer,
            jti: this.#token.tokenId,
            subjectHash: this.subjectHash,
          }),
      verb: foreign(this.#incoming.method),
      // Nobody has a verified token before their target was read.
      path: this.#token === undefined ? foreign(pathOf(this.#incoming.target)) : objectPath(this.#incoming.target),
      upgrade: this.#incoming.upgrade,
      code: this.#code,
      answeredBy: this.#answeredBy,
      ...(cut === undefined ? {} : { cut }),
      ...(lastWord === undefined ? {} : { lastWord }),
      durationSeconds: Math.round(performance.now() - this.#started) / 1000,
      receivedBytes: this.#received,
      sentBytes: this.#sent,
      clientAddress: this.#about.clientAddress,
      clientAddressAssertedBy: "relay",
    })
  }
}

const foreign = (text: string): string => redact(text).slice(0, maxForeignCharacters)

/** The path of a target that `requestLine` accepted: names of objects, and behind `/proxy/` whatever the proxied program takes. */
const objectPath = (target: string): string => {
  const [, ...segments] = pathOf(target).split("/")
  const tailAt = proxyTailAt(segments)
  const tail = segments.slice(tailAt)
  const path = ["", ...segments.slice(0, tailAt), ...(tail.length === 0 ? [] : [redact(tail.join("/"))])].join("/")
  return path.slice(0, maxForeignCharacters)
}
