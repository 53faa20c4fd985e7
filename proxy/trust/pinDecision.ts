import type { Pin } from "../../protocol/keys.ts"

interface PinSituation {
  /** By flag or variable. */
  readonly given: Pin | undefined
  /** Confirmed or followed before. */
  readonly remembered: Pin | undefined
  /** Whom identities have signed as their successors, as was seen. */
  readonly successors: Readonly<Record<string, string>>
  /** A person can be asked. */
  readonly interactive: boolean
  readonly acceptNewPin: boolean
}

type PinDecision =
  | { readonly use: Pin; readonly because: "given" | "succession" | "remembered" }
  | { readonly otherwise: "ask" | "accept" | "refuse" }

/**
 * Which pin decides. A given one outranks what was confirmed earlier: it is the user's own word. But one that has signed a successor
 * stands for the end of its own line, whichever identity is remembered now; by itself its key, which may be replaced because it was
 * stolen, decides nothing any more. Where it is not known whom it signed, it is followed again from where it stands.
 */
export const pinDecision = ({
  given,
  remembered,
  successors,
  interactive,
  acceptNewPin,
}: PinSituation): PinDecision => {
  if (given !== undefined) {
    const last = endOfLine(given, successors)
    return { use: last, because: last === given ? "given" : "succession" }
  }
  if (remembered !== undefined) return { use: remembered, because: "remembered" }
  if (acceptNewPin) return { otherwise: "accept" }
  return { otherwise: interactive ? "ask" : "refuse" }
}

/** An identity is followed only to one that has signed nobody, so there is no circle but in a file that somebody wrote by hand. */
const endOfLine = (from: Pin, successors: Readonly<Record<string, string>>): Pin => {
  const passed = new Set<string>()
  let pin: string = from
  for (let next: string | undefined = pin; next !== undefined && !passed.has(next); next = successors[next]) {
    passed.add(next)
    pin = next
  }
  return pin as Pin
}
