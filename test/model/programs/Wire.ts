import type { End } from "../network/Connection.ts"

/** What passes a connection of the model: HTTP's part as plain values; control messages as the text and frames as the bytes that they are. */
export type Wire = Head | string | Uint8Array

export type Head =
  /** The agent's upgrade for a control session. */
  | { readonly say: "control" }
  /** The proxy's upgrade. */
  | { readonly say: "stream"; readonly instance: string | undefined }
  /** The agent's upgrade at the relay. */
  | { readonly say: "ticket"; readonly ticket: string; readonly sessionSecret: string }
  /** The agent's upgrade at an auth proxy. */
  | { readonly say: "carrier"; readonly instance: string | undefined }
  | { readonly say: "101" }
  | { readonly say: "refused"; readonly status: number; readonly cause: string }

/** @throws {Error} when it is a message: an end of the model erred */
export const headOf = (wire: Wire): Head => {
  if (typeof wire === "string" || wire instanceof Uint8Array) throw new Error("expected a request or its answer")
  return wire
}

export const headBytes = 400

export const refuse = (end: End<Wire>, { code, cause }: { readonly code: number; readonly cause: string }) => {
  end.send({ say: "refused", status: code, cause }, headBytes)
  end.close(1000)
}

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
