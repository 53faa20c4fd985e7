import { setTimeout as after } from "node:timers/promises"
import { proxyClosing } from "../failures.ts"

/** An auth proxy that never hears of an end holds the stream for 330 s; a path that is down now must not hold up a user's Ctrl+C for longer. */
const tellMillis = 2_000

/** The streams of one cluster that are being opened, are open, or whose end its auth proxy does not know yet. */
export class OpenStreams {
  readonly #unsettled = new Set<Promise<void>>()
  readonly #closing = new AbortController()

  /** Aborted when no stream is wanted any more: what is being opened is to be given up. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** More than once is as good as once. @param settled resolves when the stream has ended and nobody needs to hear of it any more */
  add(settled: Promise<void>): void {
    if (this.#unsettled.has(settled)) return
    this.#unsettled.add(settled)
    void settled.then(() => this.#unsettled.delete(settled))
  }

  /** Gives up what is being opened. Resolves when the auth proxy knows of every end, at the latest after 2 s. To be called when all that are open have been told to end. */
  async close(): Promise<void> {
    this.#closing.abort(proxyClosing())
    const enough = new AbortController()
    const patience = after(tellMillis, undefined, { signal: enough.signal }).catch(() => {})
    await Promise.race([Promise.all(this.#unsettled), patience]).finally(() => enough.abort())
  }
}
