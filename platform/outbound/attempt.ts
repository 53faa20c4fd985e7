import type { EventEmitter } from "node:events"
import { type Stage, Unreachable } from "./failures.ts"

/** One outgoing exchange: where it goes and how far it has come, so that a failure can say so. */
export interface Attempt {
  readonly target: string
  stage: Stage
  /** Aborted by the caller's signal (its reason) or by the deadline (an {@link Unreachable} naming the stage reached). */
  readonly signal: AbortSignal
}

/** host:port of a URL, with the scheme's default port. */
export function targetOf(url: URL): string {
  const secure = url.protocol === "https:" || url.protocol === "wss:"
  return `${url.hostname}:${url.port || (secure ? 443 : 80)}`
}

/** Runs `body` until it settles, the deadline passes or the caller aborts; whatever it opened must listen to `attempt.signal`. */
export async function attempting<A>(
  url: URL,
  options: { readonly timeoutMillis: number; readonly signal?: AbortSignal | undefined },
  body: (attempt: Attempt) => Promise<A>,
): Promise<A> {
  options.signal?.throwIfAborted()
  const controller = new AbortController()
  const attempt: Attempt = { target: targetOf(url), stage: "dns", signal: controller.signal }
  const deadline = setTimeout(() => {
    const detail = `no answer within ${options.timeoutMillis} ms`
    controller.abort(new Unreachable({ stage: attempt.stage, target: attempt.target, detail, code: "ETIMEDOUT" }))
  }, options.timeoutMillis)
  const onAbort = () => controller.abort(options.signal?.reason)
  options.signal?.addEventListener("abort", onAbort, { once: true })
  try {
    return await body(attempt)
  } finally {
    clearTimeout(deadline)
    options.signal?.removeEventListener("abort", onAbort)
  }
}

/** Waits for `event`; rejects with the attempt's own failure on `error`, on `close` and when the attempt is aborted. */
export function happened(emitter: EventEmitter, event: string, attempt: Attempt): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void) => {
      emitter.off(event, onEvent).off("error", onError).off("close", onClose)
      attempt.signal.removeEventListener("abort", onAbort)
      settle()
    }
    const onEvent = (...values: unknown[]) => done(() => resolve(values))
    const onError = (error: unknown) => done(() => reject(failure(attempt, error)))
    const onClose = () => done(() => reject(failure(attempt, new Error("the connection was closed"))))
    const onAbort = () => done(() => reject(attempt.signal.reason))
    if (attempt.signal.aborted) return onAbort()
    emitter.on(event, onEvent).on("error", onError).on("close", onClose)
    attempt.signal.addEventListener("abort", onAbort, { once: true })
  })
}

/** The {@link Unreachable} for an error that a socket or request reported at the attempt's present stage. */
export function failure(attempt: Attempt, error: unknown): Unreachable {
  const first = error instanceof AggregateError ? (error.errors[0] ?? error) : error
  const { code, syscall, message } = first as NodeJS.ErrnoException
  const named = attempt.stage === "dns" && syscall === "connect" ? "tcp" : attempt.stage
  const hint = code !== undefined && untrusted.has(code) ? "; give the authority that signed it as a CA file" : ""
  return new Unreachable({
    stage: named,
    target: attempt.target,
    detail: `${message || code || "unknown error"}${hint}`,
    ...(code === undefined ? {} : { code }),
  })
}

const untrusted = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
])
