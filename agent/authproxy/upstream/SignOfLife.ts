import { Effect } from "effect"
import type { ApiServer } from "./ApiServer.ts"
import { askApiServer } from "./askApiServer.ts"

/** A short request without an answer for so long makes us ask whether the API server lives. Together with the next: below the promised 10 s. */
const quietMillis = 5_000
/** The API server does not queue /livez (its flow schema `probes` is exempt), and any answer to it is one. */
const livenessMillis = 4_000

const livez = { method: "GET", target: "/livez" } as const

/** Nothing came in time, or the network says that nobody is there: what a machine without power, or a cut link, looks like. */
const silences: readonly string[] = ["ETIMEDOUT", "EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH"]
export const isSilence = (detail: string): boolean => silences.includes(detail)

/**
 * Tells an API server that takes its time from one that stands still: a slow request (an admission webhook may take 30 s, the API
 * server's own limit is 60) is waited for, a dead silence is not. One question at a time serves all who wait.
 */
export class SignOfLife {
  readonly #api: ApiServer
  #asked: Promise<boolean> | undefined

  constructor(api: ApiServer) {
    this.#api = api
  }

  /** Calls back once if the API server stood still. The function returned ends the watch. */
  watch(silent: () => void): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined
    let over = false
    const arm = () => {
      timer = setTimeout(async () => {
        const alive = await this.alive()
        if (over) return
        if (alive) arm()
        else silent()
      }, quietMillis)
    }
    arm()
    return () => {
      over = true
      clearTimeout(timer)
    }
  }

  /**
   * Asks now. A connection that is refused or cut is no silence: an API server that shuts down takes no new one and still answers
   * what it has (for 60 s), and behind one address there may be several. One that is gone cuts its requests by itself.
   */
  alive(): Promise<boolean> {
    this.#asked ??= Effect.runPromise(
      askApiServer(this.#api, livez).pipe(
        Effect.timeout(livenessMillis),
        Effect.match({
          onFailure: (failure) => failure._tag === "QuestionUnanswered" && !isSilence(failure.detail),
          onSuccess: () => true,
        }),
      ),
    ).finally(() => {
      this.#asked = undefined
    })
    return this.#asked
  }
}
