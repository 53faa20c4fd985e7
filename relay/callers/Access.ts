import { Effect, Either } from "effect"
import { TokenMissing } from "../../identity/refusals.ts"
import type { TokenVerifierService } from "../../identity/TokenVerifier.ts"
import type { Registry } from "../enrolment/Registry.ts"
import type { Role } from "../policy/PolicyEntry.ts"
import { AdminRefused, CallerRevoked, CallerUnknown, ClusterRefused, type RelayRefusal } from "../refusals.ts"
import type { Settings } from "../Settings.ts"
import type { Store } from "../store/Store.ts"
import { type Caller, callerOf } from "./Caller.ts"

export interface AccessOptions {
  readonly store: Store
  readonly registry: Registry
  readonly settings: () => Settings
  readonly verifier: () => TokenVerifierService
}

/** Who is asking and what they may do, by token, revocations and policy as they are now. */
export class Access {
  readonly #options: AccessOptions

  constructor(options: AccessOptions) {
    this.#options = options
  }

  /** Rejects with a refusal of identity/ or of this relay. */
  async authenticate(authorization: string | undefined): Promise<Caller> {
    const token = /^Bearer +([^ ]+) *$/i.exec(authorization ?? "")?.[1]
    if (token === undefined) throw asRefusal(new TokenMissing({}))
    const verified = await Effect.runPromise(Effect.either(this.#options.verifier().verify(token)))
    if (Either.isLeft(verified)) throw asRefusal(verified.left)
    const caller = callerOf(verified.right)
    if (this.isRevoked(caller)) throw new CallerRevoked()
    if (!this.#options.settings().policy.knows(caller)) throw new CallerUnknown()
    return caller
  }

  isRevoked({ issuer, subject }: Caller): boolean {
    return this.#options.store.callers.has(issuer, subject)
  }

  /** The role on a cluster that exists; both are asked for in any case, so that the time does not tell which one failed. */
  may(caller: Caller, cluster: string, role: Role): boolean {
    const allowed = this.#options.settings().policy.allows(caller, cluster, role)
    const known = this.#options.registry.isKnown(cluster)
    return allowed && known
  }

  /** The clusters that {@link may} says yes to, sorted; with a few queries for all that are registered. */
  clusters(caller: Caller, role: Role): readonly string[] {
    const { store, registry, settings } = this.#options
    const { policy } = settings()
    const registered = new Set(store.clusters.names())
    for (const name of store.clusters.revokedNames()) registered.delete(name)
    return registry
      .names()
      .filter((name) => policy.allows(caller, name, role) && (registered.has(name) || registry.isKnown(name)))
  }

  /** @throws {ClusterRefused} */
  require(caller: Caller, cluster: string, role: Role): void {
    if (!this.may(caller, cluster, role)) throw new ClusterRefused()
  }

  /** The role on a name, whether or not there is such a cluster yet. @throws {ClusterRefused} */
  requireOnName(caller: Caller, cluster: string, role: Role): void {
    if (!this.#options.settings().policy.allows(caller, cluster, role)) throw new ClusterRefused()
  }

  /** @throws {AdminRefused} */
  requireAdmin(caller: Caller): void {
    if (!this.#options.settings().policy.allowsEverywhere(caller, "admin")) throw new AdminRefused()
  }
}

/** identity/ has its own classes; the form in which this program answers is one. */
const asRefusal = (error: {
  readonly _tag: string
  readonly httpStatus: number
  readonly message: string
}): RelayRefusal => ({
  _tag: error._tag,
  code: error.httpStatus,
  hop: error.httpStatus === 503 ? "identity-provider" : "relay",
  message: error.message,
})
