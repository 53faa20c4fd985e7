import type { Socket } from "node:net"

/**
 * Joins two sockets until both directions have ended: raw bytes, back pressure and half-close both ways. A socket that goes
 * without an end of its own takes the other one with it.
 */
export const spliceSockets = (
  client: Socket,
  server: Socket,
  account: { readonly received: (bytes: number) => void; readonly sent: (bytes: number) => void },
  onEnd: (cut: string | undefined) => void,
): void => {
  let over = false
  const end = (cut: string | undefined) => {
    if (over) return
    over = true
    client.destroy()
    server.destroy()
    onEnd(cut)
  }
  client.on("data", (chunk: Buffer) => account.received(chunk.length))
  server.on("data", (chunk: Buffer) => account.sent(chunk.length))
  for (const [socket, other, cut] of [
    [client, server, "client-gone"],
    [server, client, "api-server-connection-lost"],
  ] as const) {
    socket.on("error", () => end(cut))
    socket.once("close", () => {
      // Everything was read and the other side has all of it: the other direction may still end by itself.
      if (socket.readableEnded && socket.writableFinished) {
        if (other.readableEnded || other.destroyed) end(undefined)
        else other.destroySoon()
      } else end(socket.readableEnded ? undefined : cut)
    })
    socket.pipe(other)
  }
}
