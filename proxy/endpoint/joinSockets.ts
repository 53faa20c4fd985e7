import type { Duplex } from "node:stream"

/**
 * Joins two connections in both directions, each as fast as the other takes it. The end of one direction ends that direction
 * only; a connection that breaks takes the other with it. Calls back once when both are gone.
 */
export const joinSockets = (a: Duplex, b: Duplex, onEnd: () => void): void => {
  let open = 2
  const follow = (from: Duplex, to: Duplex) => {
    from.on("error", () => from.destroy())
    from.once("close", () => {
      open -= 1
      if (open === 0) onEnd()
      // What came before a clean end is still on its way.
      if (!from.readableEnded || to.writableFinished || to.destroyed) return to.destroy()
      to.once("finish", () => to.destroy())
    })
    from.pipe(to)
  }
  follow(a, b)
  follow(b, a)
  if (a.destroyed || b.destroyed) {
    a.destroy()
    b.destroy()
  }
}
