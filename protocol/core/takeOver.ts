import { closeCode } from "../names.ts"
import type { Action, Live, Tombstone } from "./state.ts"

/** Newest wins: the old carrier is closed and whatever still arrives on it is dropped, because its generation is no longer ours. */
export const takeOver = (state: Live | Tombstone, generation: number, actions: Action[]): void => {
  if (state.attached)
    actions.push({
      type: "close",
      generation: state.generation,
      code: closeCode.superseded,
      reason: "superseded",
    })
  state.generation = generation
  state.attached = true
  state.owesGreeting = true
}
