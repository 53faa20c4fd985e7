import type { ClusterConnectStatus, Condition } from "../../crds/ClusterConnectStatus.ts"
import type { Judgement } from "./Found.ts"

type Status = typeof ClusterConnectStatus.Encoded

/** Conditions as they are written: `lastTransitionTime` moves only when a condition's status does. */
export const conditionsFrom = (
  judgements: readonly Judgement[],
  previous: readonly Condition[],
  generation: number,
  now: Date,
): readonly Condition[] =>
  judgements.map((judgement) => {
    const before = previous.find(({ type }) => type === judgement.type)
    const changed = before?.status !== judgement.status
    return {
      ...judgement,
      message: shownText(judgement.message, MAX_MESSAGE_CHARACTERS),
      observedGeneration: generation,
      lastTransitionTime: changed ? `${now.toISOString().slice(0, 19)}Z` : before.lastTransitionTime,
    }
  })

/**
 * Others' words as a terminal may show them: without control characters, direction marks and halves of characters. The API
 * server would store the latter as something else, and a status with them would never be the same.
 */
export const shownText = (text: string, maxCharacters: number): string =>
  text
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ")
    .slice(0, maxCharacters)
    .toWellFormed()

/** Messages quote servers and pods; the definition allows more. */
const MAX_MESSAGE_CHARACTERS = 2_000

/** True when writing `next` would change nothing but time. */
export const sameStatus = (before: unknown, next: Status): boolean => canonical(before ?? {}) === canonical(next)

/** JSON with sorted keys, absent fields and undefined ones alike. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  )

/** A condition whose reason or status changed, for the one who looks at events. */
export const transitions = (
  before: readonly Condition[],
  next: readonly Condition[],
  types: readonly string[],
): readonly Condition[] =>
  next.filter((condition) => {
    if (!types.includes(condition.type)) return false
    const earlier = before.find(({ type }) => type === condition.type)
    return earlier?.status !== condition.status || earlier.reason !== condition.reason
  })
