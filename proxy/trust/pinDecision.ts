import type { Pin } from "../../protocol/keys.ts"

/** By the pin of an identity whose signature over a successor was seen: that successor. */
type Successors = Readonly<Record<Pin, { readonly successor: Pin }>>

interface PinSituation {
  /** By flag or variable. */
  readonly given: Pin | undefined
  /** Confirmed or followed before. */
  readonly remembered: Pin | undefined
  readonly retired: Successors
  /** A person can be asked. */
  readonly interactive: boolean
  readonly acceptNewPin: boolean
}

type PinDecision = { readonly use: Pin } | { readonly otherwise: "ask" | "accept" | "refuse" }

/**
 * Which pin decides. A given one outranks what was confirmed earlier: it is the user's own word. But one that has signed a successor
 * stands for the end of its own line, whichever identity is remembered now; by itself its key, which may be replaced because it was
 * stolen, decides nothing any more.
 */
export const pinDecision = ({ given, remembered, retired, interactive, acceptNewPin }: PinSituation): PinDecision => {
  if (given !== undefined) return { use: endOfLine(given, retired) }
  if (remembered !== undefined) return { use: remembered }
  if (acceptNewPin) return { otherwise: "accept" }
  return { otherwise: interactive ? "ask" : "refuse" }
}

/** An identity is followed only to one that has signed nobody, so there is no circle but in a file that somebody wrote by hand. */
const endOfLine = (from: Pin, retired: Successors): Pin => {
  const passed = new Set([from])
  let last = from
  for (let next = retired[last]?.successor; next !== undefined && !passed.has(next); ) {
    passed.add(next)
    last = next
    next = retired[last]?.successor
  }
  return last
}
