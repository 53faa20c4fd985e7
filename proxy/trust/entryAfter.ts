import type { Pin } from "../../protocol/keys.ts"
import type { KnownCluster, Retired, Sighting } from "./KnownCluster.ts"
import { type EntryOf, identityRetired, tooManySuccessions } from "./memoryRefusals.ts"

/** An identity is replaced on demand only. None makes room for another: what is forgotten could come back. */
const maxRetired = 64
/** Whoever holds an identity can make up as many predecessors of it as he likes: those that nobody here pinned leave room for the others. */
const maxUnpinnedRetired = 8
/** The older ones make room: nobody's token carries more audiences than this. */
const maxAudiences = 64

/** The pin of the entry that a program knows of, and goes by. */
export type ExpectedPin = Pin | "none"

/**
 * What is remembered of a cluster after a document of it was trusted; undefined when there shall be no entry. For an unchanged pin the
 * serial only rises; audiences and retired identities only add up.
 * @param expected undefined where the user has just said which identity is meant. An entry that has another pin by now, and one that is
 * gone, are the user's later word, given to another program: that stands.
 * @throws {RefusedByPolicy} when somebody has seen that this identity has a successor, or the one by whose pin it is trusted another
 * one, or there is no room for one more that is retired
 */
export const entryAfter = (
  seen: Sighting,
  before: KnownCluster | undefined,
  expected: ExpectedPin | undefined,
  about: EntryOf,
): KnownCluster | undefined => {
  // It was removed. Only a succession is news that it cannot have held.
  if (before === undefined && seen.pin === expected) return undefined
  const same = before?.pin === seen.pin ? before : undefined
  const later = expected !== undefined && same === undefined && before?.pin !== expected ? before : undefined
  const retired = retiredAfter(seen, before, later !== undefined, about)
  return {
    pin: later?.pin ?? seen.pin,
    serial: later?.serial ?? Math.max(seen.serial, same?.serial ?? 0),
    audiences: [...new Set([...seen.audiences, ...(before?.audiences ?? [])])].slice(0, maxAudiences),
    ...(Object.keys(retired).length === 0 ? {} : { retired }),
  }
}

/** @param stands whether the entry's pin, and what it says of whoever has signed whom, stay as they are */
const retiredAfter = (
  { pin, predecessor }: Sighting,
  before: KnownCluster | undefined,
  stands: boolean,
  about: EntryOf,
): Retired => {
  const retired = before?.retired ?? {}
  if (before !== undefined && retired[pin] !== undefined) throw identityRetired(about, pin, before.pin)
  if (predecessor === undefined) return retired
  const known = retired[predecessor.pin]
  // A key signs one successor, and another program may have seen another one meanwhile.
  if (before !== undefined && predecessor.pinned && known !== undefined && known.successor !== pin)
    throw identityRetired(about, predecessor.pin, before.pin)
  const wasRemembered = predecessor.pin === before?.pin
  if (stands && (known !== undefined || wasRemembered)) return retired
  const pinned = predecessor.pinned || wasRemembered || known?.pinned === true
  if (!pinned && known === undefined && unpinnedOf(retired) >= maxUnpinnedRetired) return retired
  const after = { ...retired, [predecessor.pin]: { successor: pin, pinned } }
  if (Object.keys(after).length > maxRetired) throw tooManySuccessions(about, maxRetired)
  return after
}

const unpinnedOf = (retired: Retired): number => Object.values(retired).filter(({ pinned }) => !pinned).length
