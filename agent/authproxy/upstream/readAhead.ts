import type { Socket } from "node:net"
import { setTimeout as after } from "node:timers/promises"

/** More than kernels keep between the API server and us, which is 15 MiB by the defaults of Linux. */
const MAX_BYTES = 24 * 1024 * 1024
/** Of all sessions; what was read for them waits here until their clients have taken it. */
const MAX_SESSIONS = 4
/** Longer than the way to the API server and back. */
const QUIET_MILLIS = 50
/** A server that always has more is not read to its end. */
const MAX_MILLIS = 1_000

let sessions = 0

/**
 * Reads what the kernels have of the server, whatever the client takes: until nothing more comes, or the server's end, or so much that it had
 * not ended when this began. What the client gets meanwhile stays in its order. Not for more than four sessions at once.
 */
export const readAhead = async (server: Socket, client: Socket): Promise<void> => {
  if (sessions >= MAX_SESSIONS) return
  sessions += 1
  let bytes = 0
  const count = (chunk: Buffer) => {
    bytes += chunk.length
  }
  server.on("data", count)
  try {
    const began = performance.now()
    for (let before = -1; bytes !== before; ) {
      before = bytes
      for (const until = performance.now() + QUIET_MILLIS; performance.now() < until; await after(1)) {
        if (bytes >= MAX_BYTES || server.readableEnded || server.destroyed || client.destroyed) return
        // Whoever pipes pauses it with each chunk.
        server.resume()
      }
      if (performance.now() - began >= MAX_MILLIS) return
    }
  } finally {
    server.off("data", count)
    const over = () => {
      client.off("drain", over).off("close", over)
      sessions -= 1
    }
    if (client.writableNeedDrain && !client.destroyed) client.on("drain", over).on("close", over)
    else over()
  }
}
