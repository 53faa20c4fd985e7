import { Either } from "effect"
import { type ClusterDocument, identityFollows, openDocument } from "../../protocol/document.ts"
import type { Spki } from "../../protocol/keys.ts"
import { ClusterRevoked, DocumentOlder, DocumentRefused, IdentityNotRegistered, TooManyDocuments } from "../refusals.ts"
import type { Registration } from "../store/clusters.ts"
import type { RegistrationEntry } from "../store/RegistrationEntry.ts"
import type { Store } from "../store/Store.ts"
import { DocumentTurns } from "./DocumentTurns.ts"

export interface RegistryOptions {
  readonly store: Store
  readonly publicUrl: string
  /** Clusters of the configuration, in force now. */
  readonly configured: () => readonly RegistrationEntry[]
  readonly now: () => Date
  /** The registration of this cluster changed. */
  readonly onChange: (cluster: string) => void
}

export type DocumentFault = DocumentRefused | IdentityNotRegistered | ClusterRevoked | DocumentOlder | TooManyDocuments

/** What the configuration says of one name. */
interface Configured {
  readonly keys: Set<Spki>
  /** Of the entries' documents that hold, by the order of the entries. */
  readonly registrations: Registration[]
}

/** Which identity a cluster's name stands for, from the database and the configuration together. */
export class Registry {
  readonly #options: RegistryOptions
  readonly #turns: DocumentTurns
  /** Made once per configuration: documents are signatures to verify, and names are asked for by every request. */
  #configured:
    | { readonly from: readonly RegistrationEntry[]; readonly byName: ReadonlyMap<string, Configured> }
    | undefined

  constructor(options: RegistryOptions) {
    this.#options = options
    this.#turns = new DocumentTurns(() => options.now().getTime())
  }

  get publicUrl(): string {
    return this.#options.publicUrl
  }

  /** Registered or listed, and not revoked. */
  isKnown(name: string): boolean {
    const { store } = this.#options
    const listed = this.listedKeys(name).length > 0
    const registered = store.clusters.find(name) !== undefined
    return (registered || listed) && !store.clusters.isRevoked(name)
  }

  /** Every known or revoked name, sorted. */
  names(): readonly string[] {
    const { clusters } = this.#options.store
    const names = [
      ...clusters.names(),
      ...clusters.listedNames(),
      ...clusters.revokedNames(),
      ...this.#configuredNames().keys(),
    ]
    return [...new Set(names)].sort()
  }

  /** The identity in force and its newest document, wherever it is kept; undefined for a name that is only listed. */
  registration(name: string): Registration | undefined {
    const { clusters } = this.#options.store
    const kept = clusters.find(name)
    let newest = kept
    for (const one of this.#configuredFor(name)?.registrations ?? []) {
      if (kept === undefined ? clusters.isRetired(name, one.identityKey) : one.identityKey !== kept.identityKey)
        continue
      if (newest === undefined || one.serial > newest.serial) newest = one
    }
    return newest
  }

  /**
   * Whether the name is somebody else's: another key is its identity, or the configuration says which keys it is for. Taking it is
   * replacing then, wherever the registration is kept.
   */
  isTakenFrom(name: string, key: Spki): boolean {
    const registered = this.registration(name)
    if (registered !== undefined) return registered.identityKey !== key
    const keys = this.#configuredKeys(name)
    return keys.length > 0 && !keys.includes(key)
  }

  /** Keys that may become the cluster's identity without a token: listed by the API, a command or the configuration. */
  listedKeys(name: string): readonly Spki[] {
    const { clusters } = this.#options.store
    const kept = clusters.listedKeys(name).filter((key) => !clusters.isRetired(name, key))
    return [...new Set([...kept, ...this.#configuredKeys(name)])]
  }

  /** Whether the key speaks for the cluster now. */
  trusts(name: string, key: Spki): boolean {
    return this.registration(name)?.identityKey === key || this.listedKeys(name).includes(key)
  }

  /** Opens a document and compares what it is for; says nothing about whether its identity is trusted. */
  openFor(name: string, text: string): Either.Either<ClusterDocument, DocumentRefused> {
    return Either.flatMap(
      Either.mapLeft(openDocument(text), ({ message }) => new DocumentRefused({ detail: message })),
      (document) => {
        if (document.clusterName !== name)
          return Either.left(
            new DocumentRefused({ detail: `it is for cluster ${document.clusterName}, not for this one` }),
          )
        if (document.relayUrl !== this.publicUrl)
          return Either.left(
            new DocumentRefused({ detail: `it is for relay ${document.relayUrl}, and this one is ${this.publicUrl}` }),
          )
        return Either.right(document)
      },
    )
  }

  /** Keeps a document if it is by a trusted identity and newer than the kept one; the identity goes with it. */
  accept(name: string, text: string): Either.Either<ClusterDocument, DocumentFault> {
    const { store } = this.#options
    return Either.flatMap(this.openFor(name, text), (document): Either.Either<ClusterDocument, DocumentFault> => {
      if (!this.follows(name, document)) return Either.left(new IdentityNotRegistered())
      if (store.clusters.isRevoked(name)) return Either.left(new ClusterRevoked())
      if (store.clusters.find(name)?.document === text) return Either.right(document)
      const kept = this.registration(name)
      if (kept !== undefined && kept.document !== text && document.serial <= kept.serial)
        return Either.left(
          new DocumentOlder({ detail: `serial ${document.serial}, and the kept one is ${kept.serial}` }),
        )
      if (!this.#turns.take(name)) return Either.left(new TooManyDocuments())
      this.register(name, document, text)
      this.#options.onChange(name)
      return Either.right(document)
    })
  }

  /** Makes the document's identity the cluster's. Whoever calls it has checked that it may be, and tells of the change. */
  register(name: string, document: ClusterDocument, text: string): void {
    const { store, now } = this.#options
    const { identityKey, serial } = document
    store.write(() => {
      const kept = store.clusters.find(name)
      const before = this.registration(name)
      if (before !== undefined && before.identityKey !== identityKey) store.clusters.retire(name, before.identityKey)
      const previous = document.previousIdentity
      // Only with the old key's own word, or a document could bar any key that is listed to take over.
      if (previous !== undefined && previous.key !== identityKey && succeeds(document, previous.key))
        store.clusters.retire(name, previous.key)
      const unlisted = kept === undefined ? this.#unlistOthers(name, identityKey) : []
      store.clusters.put({ name, identityKey, document: text, serial, registeredAt: kept?.registeredAt ?? now() })
      if (kept?.identityKey !== identityKey)
        store.actions.add({
          time: now().toISOString(),
          event: "identity",
          cluster: name,
          outcome: before === undefined || before.identityKey === identityKey ? "registered" : "replaced",
          identityKey,
          ...(unlisted.length === 0 ? {} : { unlisted }),
        })
    })
  }

  /** After a replacement: no key that was listed before, or that the configuration lists, opens the cluster any more. */
  retireOthers(name: string, identityKey: Spki): void {
    this.#unlistOthers(name, identityKey)
    for (const key of this.#configuredKeys(name))
      if (key !== identityKey) this.#options.store.clusters.retire(name, key)
  }

  /**
   * Listing a key for a name without a cluster takes less of a right than for one with a cluster; what was listed before and
   * not used must not become a way to take the cluster over later.
   */
  #unlistOthers(name: string, identityKey: Spki): readonly Spki[] {
    const { clusters } = this.#options.store
    const others = clusters.listedKeys(name).filter((key) => key !== identityKey)
    for (const key of others) clusters.unlistKey(name, key)
    return others
  }

  #configuredKeys(name: string): readonly Spki[] {
    const { clusters } = this.#options.store
    return [...(this.#configuredFor(name)?.keys ?? [])].filter((key) => !clusters.isRetired(name, key))
  }

  #configuredFor(name: string): Configured | undefined {
    return this.#configuredNames().get(name)
  }

  #configuredNames(): ReadonlyMap<string, Configured> {
    const from = this.#options.configured()
    if (this.#configured?.from === from) return this.#configured.byName
    const byName = new Map<string, Configured>()
    for (const { name, identityKey, document } of from) {
      const about = byName.get(name) ?? { keys: new Set(), registrations: [] }
      byName.set(name, about)
      about.keys.add(identityKey)
      const opened = document === undefined ? undefined : Either.getOrUndefined(this.openFor(name, document))
      if (opened === undefined || !identityFollows(opened, (key) => key === identityKey)) continue
      const { identityKey: identity, serial } = opened
      about.registrations.push({ name, identityKey: identity, document, serial, registeredAt: new Date(0) })
    }
    this.#configured = { from, byName }
    return byName
  }

  /** Whether the document is by an identity that is trusted, or that a trusted one named its successor. */
  follows(name: string, document: ClusterDocument): boolean {
    return (
      !this.#options.store.clusters.isRetired(name, document.identityKey) &&
      identityFollows(document, (key) => this.trusts(name, key))
    )
  }
}

/** Whether the old key itself signed the document's identity as its successor. */
const succeeds = (document: ClusterDocument, old: Spki): boolean => identityFollows(document, (key) => key === old)
