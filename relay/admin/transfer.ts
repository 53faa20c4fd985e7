import { Either } from "effect"
import { openDocument } from "../../protocol/document.ts"
import { registrationFaults } from "../Settings.ts"
import type { RegistrationEntry, RegistrationFile } from "../store/RegistrationEntry.ts"
import type { Store } from "../store/Store.ts"
import type { Actor } from "./Administration.ts"

/** Every registration and every key that is listed without one. All of it is public. */
export const exportRegistrations = (store: Store): RegistrationFile => {
  const registered = store.clusters.all()
  const names = new Set(registered.map(({ name }) => name))
  return {
    clusters: [
      ...registered.map(({ name, identityKey, document }) => ({
        name,
        identityKey,
        ...(document === undefined ? {} : { document }),
      })),
      ...store.clusters
        .listedNames()
        .filter((name) => !names.has(name))
        .flatMap((name) => store.clusters.listedKeys(name).map((identityKey) => ({ name, identityKey }))),
    ],
  }
}

interface About {
  readonly name: string
  readonly reason: string
}

export interface Imported {
  readonly added: readonly string[]
  readonly updated: readonly string[]
  readonly unchanged: readonly string[]
  /** What was left as it is, and why. */
  readonly refused: readonly About[]
  /** Of those added: the identity was taken and the document was not, and why. */
  readonly withoutDocument: readonly About[]
}

/**
 * Adds registrations. One that exists is only brought up to a newer document of the same identity, never replaced. A document for a relay
 * with another URL is left behind: its identity is registered, and the agent brings the document that it signs for this URL.
 */
export const importRegistrations = (
  store: Store,
  file: RegistrationFile,
  { publicUrl, now, actor }: { readonly publicUrl: string; readonly now: Date; readonly actor: Actor },
): Imported =>
  store.write(() => {
    const outcome = {
      added: [] as string[],
      updated: [] as string[],
      unchanged: [] as string[],
      refused: [] as About[],
      withoutDocument: [] as About[],
    }
    for (const entry of file.clusters) {
      const { name } = entry
      const { verdict, reason } = importOne(store, entry, publicUrl, now)
      if (verdict === "refused") outcome.refused.push({ name, reason })
      else outcome[verdict].push(name)
      if (verdict === "added" && reason !== undefined) outcome.withoutDocument.push({ name, reason })
    }
    const about = { added: outcome.added, updated: outcome.updated, refused: outcome.refused.map(({ name }) => name) }
    store.actions.add({ time: now.toISOString(), event: "admin", action: "imported", actor, about, outcome: "done" })
    return outcome
  })

type Verdict =
  | { readonly verdict: "added"; readonly reason?: string | undefined }
  | { readonly verdict: "updated" | "unchanged"; readonly reason?: undefined }
  | { readonly verdict: "refused"; readonly reason: string }

const importOne = (store: Store, entry: RegistrationEntry, publicUrl: string, now: Date): Verdict => {
  const { name, identityKey, document } = entry
  const opened = document === undefined ? undefined : Either.getOrUndefined(openDocument(document))
  const relayUrl = opened?.relayUrl ?? publicUrl
  const [fault] = registrationFaults(entry, relayUrl)
  if (fault !== undefined) return { verdict: "refused", reason: fault }
  const identity = opened?.identityKey ?? identityKey
  const serial = opened?.serial ?? 0
  const isForeign = relayUrl !== publicUrl
  const known = store.clusters.find(name)
  if (known === undefined) {
    // The serial stays: no document that is older than the foreign one is let in by it.
    store.clusters.put({
      name,
      identityKey: identity,
      document: isForeign ? undefined : document,
      serial,
      registeredAt: now,
    })
    // What was listed before, by whoever may enrol, must not replace it later.
    for (const key of store.clusters.listedKeys(name)) if (key !== identity) store.clusters.unlistKey(name, key)
    return {
      verdict: "added",
      reason: isForeign ? `its document is for relay ${relayUrl}, not for ${publicUrl}` : undefined,
    }
  }
  if (known.identityKey !== identity)
    return { verdict: "refused", reason: "it is registered with another identity key" }
  if (isForeign || serial <= known.serial) return { verdict: "unchanged" }
  store.clusters.put({ ...known, document, serial })
  return { verdict: "updated" }
}
