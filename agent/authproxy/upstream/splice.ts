import type { Socket } from "node:net"
import { lingeringClose } from "../../../platform/tlsListener.ts"
import { KeepAliveHold } from "./KeepAliveHold.ts"
import { readAhead } from "./readAhead.ts"

/**
 * Joins two sockets until both directions have ended: raw bytes, back pressure and half-close both ways. A socket that goes
 * without an end of its own takes the other one with it. What the server sent before its end reaches the client whatever the client
 * still sends: see {@link KeepAliveHold}.
 */
export const spliceSockets = (
  client: Socket,
  server: Socket,
  account: { readonly received: (bytes: number) => void; readonly sent: (bytes: number) => void },
  onEnd: (cut: string | undefined) => void,
): void => {
  let over = false
  let readsAhead = false
  const toServer = new KeepAliveHold({
    isBehind: () => client.writableLength > 0 || server.readableLength > 0 || server.isPaused(),
    readAhead: async (most) => {
      readsAhead = true
      await readAhead(server, client, most)
      readsAhead = false
    },
  })
  const end = (cut: string | undefined) => {
    if (over) return
    over = true
    toServer.destroy()
    client.destroy()
    server.destroy()
    onEnd(cut)
  }
  client.on("data", (chunk: Buffer) => account.received(chunk.length))
  server.on("data", (chunk: Buffer) => {
    toServer.heard(chunk.length)
    account.sent(chunk.length)
  })
  // After a time in which nobody read: what stands in the kernel comes only in a later turn, and a ping may come in this one.
  server.on("resume", () => readsAhead || toServer.readAgain())
  client.on("error", () => end("client-gone"))
  // A server that has said everything may refuse the rest of what it is told: the client still gets all of it.
  server.on("error", () => server.readableEnded || end("api-server-connection-lost"))
  client.once("close", () => {
    // Everything was read and the client has all of it: the server may still go on taking by itself.
    if (!client.readableEnded) end("client-gone")
    else if (client.writableFinished && !server.readableEnded && !server.destroyed) server.destroySoon()
    else end(undefined)
  })
  server.once("close", () => {
    if (!server.readableEnded) end("api-server-connection-lost")
    else if (client.destroyed) end(undefined)
    else lingeringClose(client)
  })
  client.pipe(toServer).pipe(server)
  server.pipe(client)
}
