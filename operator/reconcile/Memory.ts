import { Clock, Effect } from "effect"
import { type ChildMemory, makeChildMemory } from "../children/maintain.ts"
import type { Held } from "../credentials/identitySecret.ts"
import type { BoundRole } from "./boundRole.ts"
import type { Bound, Hindrance } from "./Found.ts"

/** What this process knows of one resource beside what is stored. Losing it costs a question more, never a wrong answer. */
export interface Memory {
  /** Another uid is another resource of the same name. */
  readonly uid: string
  readonly children: ChildMemory
  /** Since when no agent has a session, by the monotonic clock; undefined while one has. */
  sessionlessSinceMillis: number | undefined
  /** When the relay last answered the cluster's own side, by the monotonic clock. */
  relayAnsweredMillis: number
  /** A join token that the relay will not take, by its digest, with what is to be done. */
  uselessToken: { readonly digest: string; readonly hindrance: Hindrance } | undefined
  /** The role that was bound last by this process. */
  bound: Bound | undefined
  /** The role behind {@link bound} as last looked at, which is only while an auth proxy does not say that it is allowed. */
  role: BoundRole | undefined
  /** When such a role was last seen other than the installation's (Unix milliseconds). */
  roleOtherwiseMillis: number
  /** Constrained impersonation worked here once; undefined before the first look at what an earlier process wrote down. */
  constrainedWorked: boolean | undefined
  /** The identity as last read: a Secret that somebody deletes is made again from it. */
  held: Held | undefined
  /** Where constrained impersonation was refused: the API server's version. Another version is tried again. */
  constrainedRefusedAt: string | undefined
  /** Passes that failed one after the other. */
  failures: number
}

export const newMemory = (uid: string): Memory => ({
  uid,
  children: makeChildMemory(),
  sessionlessSinceMillis: undefined,
  relayAnsweredMillis: Number.NEGATIVE_INFINITY,
  uselessToken: undefined,
  bound: undefined,
  role: undefined,
  roleOtherwiseMillis: Number.NEGATIVE_INFINITY,
  constrainedWorked: undefined,
  held: undefined,
  constrainedRefusedAt: undefined,
  failures: 0,
})

/** Time that only goes on, whatever is done to the clock. */
export const monotonicMillis: Effect.Effect<number> = Effect.map(Clock.currentTimeNanos, (nanos) =>
  Number(nanos / 1_000_000n),
)
