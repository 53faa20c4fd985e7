import type { WebSocket } from "ws"

/** A peer that does not answer a close within this time is cut off. */
const closeAnswerMillis = 2_000

/** Closes in good order, or cuts when the peer does not answer. Resolves when the socket is gone; never rejects. */
export const endSocket = (socket: WebSocket, code: number, reason: string): Promise<void> =>
  new Promise((resolve) => {
    if (socket.readyState === socket.CLOSED) return resolve()
    const cut = setTimeout(() => socket.terminate(), closeAnswerMillis)
    cut.unref()
    socket.on("error", () => {})
    socket.once("close", () => {
      clearTimeout(cut)
      resolve()
    })
    if (socket.readyState === socket.OPEN) socket.close(code, reason)
    // A paused socket would not read the answer.
    if (socket.isPaused) socket.resume()
  })
