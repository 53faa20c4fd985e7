import type { IncomingHttpHeaders } from "node:http"
import { Data } from "effect"

/** How far a connection came: name lookup, TCP to the target, everything at the HTTP proxy, TLS with the target, HTTP with it. */
export type Stage = "dns" | "tcp" | "proxy" | "tls" | "http"

/** No answer from the target. Nothing is known about whether it processed a request unless `stage` is before `http`. */
export class Unreachable extends Data.TaggedError("Unreachable")<{
  readonly stage: Stage
  /** host:port of the target, never a whole URL: it may hold credentials. */
  readonly target: string
  readonly detail: string
  /** Node's error code (`ECONNREFUSED`, `UNABLE_TO_VERIFY_LEAF_SIGNATURE`), where there is one. */
  readonly code?: string
}> {
  override get message(): string {
    return `${this.target} cannot be reached: ${situation[this.stage]}: ${this.detail}`
  }
}

const situation: Record<Stage, string> = {
  dns: "its name does not resolve",
  tcp: "no TCP connection",
  proxy: "the HTTP proxy did not connect us",
  tls: "TLS failed",
  http: "no valid HTTP answer",
}

/** The target answered a WebSocket upgrade with something other than 101. */
export class UpgradeRefused extends Data.TaggedError("UpgradeRefused")<{
  readonly target: string
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** At most {@link MAX_REFUSAL_BYTES}, UTF-8; what had arrived if the answer was longer or was cut. */
  readonly body: string
  readonly truncated: boolean
}> {
  override get message(): string {
    return `${this.target} refused the WebSocket upgrade with status ${this.status}`
  }
}

/** The answer is larger than the caller allows; nothing of it is used. */
export class BodyTooLarge extends Data.TaggedError("BodyTooLarge")<{
  readonly target: string
  readonly status: number
  readonly limitBytes: number
}> {
  override get message(): string {
    return `${this.target} answered with more than ${this.limitBytes} bytes`
  }
}

/** The target redirects. Never followed: the request carries credentials that belong to the target alone. */
export class RedirectRefused extends Data.TaggedError("RedirectRefused")<{
  readonly target: string
  readonly status: number
}> {
  override get message(): string {
    return `${this.target} answered with redirect ${this.status}; redirects are not followed, give the final URL`
  }
}

/** An URL, proxy setting or CA file that cannot be used, found before anything was sent. */
export class OutboundInvalid extends Data.TaggedError("OutboundInvalid")<{
  readonly setting: string
  readonly detail: string
}> {
  override get message(): string {
    return `${this.setting} is not usable: ${this.detail}`
  }
}

/** A metav1.Status is below 4 KiB; 64 KiB leaves room for a load balancer's HTML page and bounds a hostile peer. */
export const MAX_REFUSAL_BYTES = 64 * 1024
