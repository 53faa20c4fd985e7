import type { Hop } from "../../protocol/status.ts"

/** What is being reached, and who is waited for as long as nothing else has failed. */
export interface Reached {
  readonly cluster: string
  readonly hop: Hop
}

/** One try. With a time it fails by then, if it can, for the sake of the reason. */
export type Attempt<A> = (withinMillis?: number) => Promise<A>

/** How often and how long a start tries to reach its clusters. */
export interface Readiness {
  /** The first success of `attempt`, as far as there is any patience. Rejects with what failed. */
  readonly reach: <A>(reached: Reached, attempt: Attempt<A>, signal: AbortSignal) => Promise<A>
  /** Waits for a person's answer; that time is not the cluster's. */
  readonly unhurried: <A>(question: Promise<A>) => Promise<A>
}

/** No patience: what fails at once fails the start. */
export const atOnce: Readiness = {
  reach: (_, attempt) => attempt(),
  unhurried: (question) => question,
}
