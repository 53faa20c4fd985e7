import type { Duplex } from "node:stream"
import { lingeringClose } from "../../platform/tlsListener.ts"

/**
 * Joins a client's connection and the one to the far end, each direction as fast as the other takes it. The end of one direction ends
 * that direction only; a connection that breaks takes the other with it. What the far end sent before it closed reaches the client
 * whatever the client still sends. Calls back when the far connection is gone.
 */
export const joinSockets = (client: Duplex, far: Duplex, onEnd: () => void): void => {
  const follow = (from: Duplex, to: Duplex, leave: (to: Duplex) => void) => {
    from.on("error", () => from.destroy())
    from.once("close", () => {
      if (!from.readableEnded || to.destroyed) to.destroy()
      else leave(to)
    })
    from.pipe(to)
  }
  follow(client, far, destroyWhenWritten)
  follow(far, client, lingeringClose)
  far.once("close", onEnd)
  if (client.destroyed || far.destroyed) {
    client.destroy()
    far.destroy()
  }
}

/** What came before a clean end is still on its way. */
const destroyWhenWritten = (socket: Duplex): void => {
  if (socket.writableFinished) socket.destroy()
  else socket.once("finish", () => socket.destroy())
}
