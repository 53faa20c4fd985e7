import { Either } from "effect"
import { type ClusterDocument, identityFollows, openDocument } from "../../protocol/document.ts"
import type { Spki } from "../../protocol/keys.ts"
import { ClusterRevoked, DocumentOlder, DocumentRefused, IdentityNotRegistered } from "../refusals.ts"
import type { Registration } from "../store/clusters.ts"
import type { RegistrationEntry } from "../store/RegistrationEntry.ts"
import type { Store } from "../store/Store.ts"

export interface RegistryOptions {
  readonly store: Store
  readonly publicUrl: string
  /** Clusters of the configuration, in force now. */
  readonly configured: () => readonly RegistrationEntry[]
  readonly now: () => Date
  /** The registration of this cluster changed. */
  readonly onChange: (cluster: string) => void
}

export type DocumentFault = DocumentRefused | IdentityNotRegistered | ClusterRevoked | DocumentOlder

/** Which identity a cluster's name stands for, from the database and the configuration together. */
export class Registry {
  readonly #options: RegistryOptions

  constructor(options: RegistryOptions) {
    this.#options = options
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
      ...clusters.all().map(({ name }) => name),
      ...clusters.listedNames(),
      ...clusters.revokedNames(),
      ...this.#options.configured().map(({ name }) => name),
    ]
    return [...new Set(names)].sort()
  }

  /** The identity in force and its newest document; undefined for a name that is only listed. */
  registration(name: string): Registration | undefined {
    const kept = this.#options.store.clusters.find(name)
    if (kept !== undefined) return kept
    for (const entry of this.#options.configured()) {
      if (entry.name !== name || entry.document === undefined) continue
      const opened = this.openFor(name, entry.document)
      if (Either.isLeft(opened) || !identityFollows(opened.right, (key) => key === entry.identityKey)) continue
      const { identityKey, serial } = opened.right
      return { name, identityKey, document: entry.document, serial, registeredAt: new Date(0) }
    }
    return undefined
  }

  /** Keys that may become the cluster's identity without a token: listed by the API, a command or the configuration. */
  listedKeys(name: string): readonly Spki[] {
    const { store, configured } = this.#options
    const fromFile = configured()
      .filter((entry) => entry.name === name)
      .map(({ identityKey }) => identityKey)
    return [...new Set([...store.clusters.listedKeys(name), ...fromFile])].filter(
      (key) => !store.clusters.isRetired(name, key),
    )
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
      if (!this.#follows(name, document)) return Either.left(new IdentityNotRegistered())
      if (store.clusters.isRevoked(name)) return Either.left(new ClusterRevoked())
      const kept = store.clusters.find(name)
      if (kept?.document === text) return Either.right(document)
      if (kept !== undefined && document.serial <= kept.serial)
        return Either.left(
          new DocumentOlder({ detail: `serial ${document.serial}, and the kept one is ${kept.serial}` }),
        )
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
      const before = store.clusters.find(name)
      if (before !== undefined && before.identityKey !== identityKey) store.clusters.retire(name, before.identityKey)
      if (document.previousIdentity !== undefined) store.clusters.retire(name, document.previousIdentity.key)
      store.clusters.put({ name, identityKey, document: text, serial, registeredAt: before?.registeredAt ?? now() })
      if (before?.identityKey !== identityKey)
        store.actions.add({
          time: now().toISOString(),
          event: "identity",
          cluster: name,
          outcome: before === undefined ? "registered" : "replaced",
          identityKey,
        })
    })
  }

  #follows(name: string, document: ClusterDocument): boolean {
    return (
      !this.#options.store.clusters.isRetired(name, document.identityKey) &&
      identityFollows(document, (key) => this.trusts(name, key))
    )
  }
}
