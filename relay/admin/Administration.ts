import { defaultJoinTokenSeconds, maxJoinTokenSeconds } from "../../protocol/enrolment.ts"
import type { Spki } from "../../protocol/keys.ts"
import { newSecret } from "../../protocol/ticket.ts"
import { maxJoinTokens, maxListedKeys } from "../configuration/limits.ts"
import {
  ClusterRevoked,
  ClusterUnknown,
  KeyUnknown,
  RequestInvalid,
  TokenUnknown,
  TooManyJoinTokens,
  TooManyListedKeys,
} from "../refusals.ts"
import type { JoinToken } from "../store/joinTokens.ts"
import type { RevokedCaller } from "../store/revokedCallers.ts"
import type { Store } from "../store/Store.ts"

/** Who acts, for the audit log: a caller of the admin API, or a command on the relay's host. */
export type Actor =
  | { readonly by: "caller"; readonly issuer: string; readonly subject: string; readonly from: string }
  | { readonly by: "command"; readonly user: string }
  | { readonly by: "cluster"; readonly cluster: string; readonly from: string }

export interface NewToken {
  /** Shown once: the relay keeps only its hash. */
  readonly token: string
  readonly about: JoinToken
}

/** What an administrator may change. Each change and its audit line are one transaction; a running relay acts on it within a second. */
export class Administration {
  readonly #store: Store
  readonly #now: () => Date
  readonly #actor: Actor

  constructor(store: Store, now: () => Date, actor: Actor) {
    this.#store = store
    this.#now = now
    this.#actor = actor
  }

  /** @throws {RequestInvalid | ClusterRevoked | TooManyJoinTokens} */
  createToken(
    cluster: string,
    options: { readonly replace?: boolean | undefined; readonly seconds?: number | undefined },
  ): NewToken {
    const seconds = options.seconds ?? defaultJoinTokenSeconds
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > maxJoinTokenSeconds)
      throw new RequestInvalid({ detail: `a join token lives 1 to ${maxJoinTokenSeconds} seconds, found ${seconds}` })
    return this.#change("token-created", { cluster }, () => {
      const now = this.#now()
      const { clusters, tokens } = this.#store
      if (clusters.isRevoked(cluster)) throw new ClusterRevoked({ detail: "restore it first" })
      tokens.sweep(now)
      if (tokens.count() >= maxJoinTokens) throw new TooManyJoinTokens()
      const token = newSecret()
      const expiresAt = new Date(now.getTime() + seconds * 1000)
      const about = tokens.add(token, { cluster, replaces: options.replace ?? false, expiresAt }, now)
      return { result: { token, about }, fields: { tokenId: about.id, replaces: about.replaces } }
    })
  }

  tokens(): readonly JoinToken[] {
    return this.#store.tokens.all()
  }

  /** @throws {TokenUnknown} */
  deleteToken(id: string): void {
    this.#change("token-deleted", { tokenId: id }, () => {
      const removed = this.#store.tokens.remove(id)
      if (removed === undefined) throw new TokenUnknown()
      return { result: undefined, fields: { cluster: removed.cluster } }
    })
  }

  /** Lets the key become the cluster's identity without a token. @throws {TooManyListedKeys} */
  listKey(cluster: string, identityKey: Spki): void {
    this.#change("key-listed", { cluster, identityKey }, () => {
      const { clusters } = this.#store
      if (clusters.listKey(cluster, identityKey) && clusters.listedKeys(cluster).length > maxListedKeys)
        throw new TooManyListedKeys()
      return { result: undefined }
    })
  }

  /** @throws {KeyUnknown} */
  unlistKey(cluster: string, identityKey: Spki): void {
    this.#change("key-unlisted", { cluster, identityKey }, () => {
      if (!this.#store.clusters.unlistKey(cluster, identityKey)) throw new KeyUnknown()
      return { result: undefined }
    })
  }

  /** Cuts everything of the cluster and admits it no more. @throws {ClusterUnknown} */
  revokeCluster(cluster: string, isKnown: boolean): void {
    this.#change("cluster-revoked", { cluster }, () => {
      const { clusters } = this.#store
      if (!isKnown && !clusters.isRevoked(cluster)) throw new ClusterUnknown()
      clusters.revoke(cluster, this.#now())
      return { result: undefined }
    })
  }

  /** @throws {ClusterUnknown} */
  restoreCluster(cluster: string): void {
    this.#change("cluster-restored", { cluster }, () => {
      if (!this.#store.clusters.restore(cluster)) throw new ClusterUnknown({ detail: "it is not revoked" })
      return { result: undefined }
    })
  }

  /** Forgets the cluster, its listed keys included. @throws {ClusterUnknown} */
  deregister(cluster: string): void {
    this.#change("cluster-deregistered", { cluster }, () => {
      const { clusters } = this.#store
      const listed = clusters.listedKeys(cluster)
      for (const key of listed) clusters.unlistKey(cluster, key)
      if (!clusters.remove(cluster) && listed.length === 0) throw new ClusterUnknown()
      return { result: undefined }
    })
  }

  revokeCaller(issuer: string, subject: string): void {
    this.#change("caller-revoked", { issuer, subject }, () => ({
      result: void this.#store.callers.revoke(issuer, subject, this.#now()),
    }))
  }

  restoreCaller(issuer: string, subject: string): void {
    this.#change("caller-restored", { issuer, subject }, () => ({
      result: void this.#store.callers.restore(issuer, subject),
    }))
  }

  revokedCallers(): readonly RevokedCaller[] {
    return this.#store.callers.all()
  }

  #change<A>(
    action: string,
    about: Readonly<Record<string, unknown>>,
    body: () => { readonly result: A; readonly fields?: Readonly<Record<string, unknown>> },
  ): A {
    return this.#store.write(() => {
      const { result, fields } = body()
      this.#store.actions.add({
        time: this.#now().toISOString(),
        event: "admin",
        action,
        actor: this.#actor,
        about: { ...about, ...fields },
        outcome: "done",
      })
      return result
    })
  }
}
