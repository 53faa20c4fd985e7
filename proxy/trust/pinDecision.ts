import type { Pin } from "../../protocol/keys.ts"

export interface PinSituation {
  /** By flag or variable. */
  readonly given: Pin | undefined
  /** Confirmed or followed before. */
  readonly remembered: Pin | undefined
  /** A person can be asked. */
  readonly interactive: boolean
  readonly acceptNewPin: boolean
}

export type PinDecision =
  | { readonly use: Pin; readonly because: "given" | "remembered" }
  | { readonly otherwise: "ask" | "accept" | "refuse" }

/** Which pin decides. A given one always does: it is the user's own word, and outranks what was confirmed earlier. */
export const pinDecision = ({ given, remembered, interactive, acceptNewPin }: PinSituation): PinDecision => {
  if (given !== undefined) return { use: given, because: "given" }
  if (remembered !== undefined) return { use: remembered, because: "remembered" }
  if (acceptNewPin) return { otherwise: "accept" }
  return { otherwise: interactive ? "ask" : "refuse" }
}
