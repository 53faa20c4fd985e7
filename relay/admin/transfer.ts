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

export interface Imported {
  readonly added: readonly string[]
  readonly updated: readonly string[]
  readonly unchanged: readonly string[]
  /** What was left as it is, and why. */
  readonly refused: readonly { readonly name: string; readonly reason: string }[]
}

/** Adds registrations. One that exists is only brought up to a newer document of the same identity, never replaced. */
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
      refused: [] as { name: string; reason: string }[],
    }
    for (const entry of file.clusters) {
      const verdict = importOne(store, entry, publicUrl, now)
      if (typeof verdict === "string") outcome[verdict].push(entry.name)
      else outcome.refused.push({ name: entry.name, reason: verdict.reason })
    }
    const about = { added: outcome.added, updated: outcome.updated, refused: outcome.refused.map(({ name }) => name) }
    store.actions.add({ time: now.toISOString(), event: "admin", action: "imported", actor, about, outcome: "done" })
    return outcome
  })

const importOne = (
  store: Store,
  entry: RegistrationEntry,
  publicUrl: string,
  now: Date,
): "added" | "updated" | "unchanged" | { readonly reason: string } => {
  const { name, identityKey, document } = entry
  const [fault] = registrationFaults(entry, publicUrl)
  if (fault !== undefined) return { reason: fault }
  const opened = document === undefined ? undefined : Either.getOrUndefined(openDocument(document))
  const identity = opened?.identityKey ?? identityKey
  const serial = opened?.serial ?? 0
  const known = store.clusters.find(name)
  if (known === undefined) {
    store.clusters.put({ name, identityKey: identity, document, serial, registeredAt: now })
    // What was listed before, by whoever may enrol, must not replace it later.
    for (const key of store.clusters.listedKeys(name)) if (key !== identity) store.clusters.unlistKey(name, key)
    return "added"
  }
  if (known.identityKey !== identity) return { reason: "it is registered with another identity key" }
  if (serial <= known.serial) return "unchanged"
  store.clusters.put({ ...known, document, serial })
  return "updated"
}
