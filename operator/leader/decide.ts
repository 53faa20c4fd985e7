import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { specOf } from "./lease.ts"

/** Since when a candidate has seen the lease unchanged, by its own monotonic clock: clocks of two machines are never compared. */
export interface Observation {
  readonly version: string
  readonly atMillis: number
}

/** What to do about the lease: `Claim` makes, takes or renews it, `Wait` leaves it to its holder. */
export type Move = "Claim" | "Wait"

/**
 * One look at the lease at `nowMillis`. Another's lease is claimed only when it has not changed for as long as it says that
 * it lasts, counted from when it was first seen so; a released one, an absent one and our own at once.
 */
export const decide = (
  identity: string,
  observed: Observation | undefined,
  lease: KubernetesObject | undefined,
  nowMillis: number,
  leaseMillis: number,
): { readonly observed: Observation | undefined; readonly move: Move } => {
  if (lease === undefined) return { observed: undefined, move: "Claim" }
  const version = lease.metadata.resourceVersion ?? ""
  const seen = observed?.version === version ? observed : { version, atMillis: nowMillis }
  const { holderIdentity = "", leaseDurationSeconds = 0 } = specOf(lease)
  if (holderIdentity === "" || holderIdentity === identity) return { observed: seen, move: "Claim" }
  const lastsMillis = leaseDurationSeconds > 0 ? leaseDurationSeconds * 1_000 : leaseMillis
  return { observed: seen, move: nowMillis - seen.atMillis > lastsMillis ? "Claim" : "Wait" }
}
