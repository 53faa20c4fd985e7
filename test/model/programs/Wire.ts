import type { FromAgent, FromRelay } from "../../../protocol/control.ts"
import type { End } from "../network/Network.ts"

/** What passes a connection of the model: HTTP's part as plain values, the frames of streams as the bytes that they are. */
export type Wire =
  | { readonly say: "control"; readonly instance: string }
  | { readonly say: "toAgent"; readonly message: FromRelay }
  | { readonly say: "toRelay"; readonly message: FromAgent }
  /** The proxy's upgrade. */
  | { readonly say: "stream"; readonly instance: string | undefined }
  /** The agent's upgrade at the relay. */
  | { readonly say: "ticket"; readonly ticket: string }
  /** The agent's upgrade at an auth proxy. */
  | { readonly say: "carrier"; readonly instance: string | undefined }
  | { readonly say: "101" }
  | { readonly say: "refused"; readonly status: number; readonly cause: string }
  | Uint8Array

export const headBytes = 400

/** Joins two ends as the product's splice does: messages unread, close codes handed on, a side lost without one becomes 1001. */
export const splice = (
  a: End<Wire>,
  b: End<Wire>,
  onEnd: (code: number) => void,
): { close: (code: number) => void } => {
  let over = false
  const end = (code: number, byPeer?: End<Wire>) => {
    if (over) return
    over = true
    const sent = code === 1006 ? 1001 : code
    for (const side of [a, b]) if (side !== byPeer) side.close(sent)
    onEnd(code)
  }
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.onMessage = (message) => {
      if (!over && message instanceof Uint8Array) to.send(message, message.byteLength)
    }
    from.onClose = (code) => end(code, from)
  }
  return { close: (code) => end(code) }
}
