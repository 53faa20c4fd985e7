import type { Pin } from "../../protocol/keys.ts"

export interface PinSituation {
  /** By flag or variable. */
  readonly given: Pin | undefined
  /** Confirmed or followed before. */
  readonly remembered: Pin | undefined
  /** Identities that have signed a successor, which was seen. */
  readonly retired: readonly string[]
  /** A person can be asked. */
  readonly interactive: boolean
  readonly acceptNewPin: boolean
}

export type PinDecision =
  | { readonly use: Pin; readonly because: "given" | "remembered" }
  | { readonly otherwise: "ask" | "accept" | "refuse" }

/**
 * Which pin decides. A given one outranks what was confirmed earlier: it is the user's own word. But one that has signed a successor
 * stands for the identity that is remembered now, as the user meant it; by itself its key, which may be replaced because it was
 * stolen, decides nothing any more.
 */
export const pinDecision = ({ given, remembered, retired, interactive, acceptNewPin }: PinSituation): PinDecision => {
  if (given !== undefined && (remembered === undefined || !retired.includes(given)))
    return { use: given, because: "given" }
  if (remembered !== undefined) return { use: remembered, because: "remembered" }
  if (acceptNewPin) return { otherwise: "accept" }
  return { otherwise: interactive ? "ask" : "refuse" }
}
