import type { Socket } from "node:net"

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
  const enough = Promise.withResolvers<void>()
  let bytes = 0
  const count = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes >= MAX_BYTES) enough.resolve()
  }
  // Whoever pipes pauses it with each chunk.
  const goOn = () => void setImmediate(() => server.listeners("pause").includes(goOn) && server.resume())
  server.on("data", count).on("pause", goOn).on("end", enough.resolve).on("close", enough.resolve)
  client.on("close", enough.resolve)
  server.resume()
  await Promise.race([enough.promise, quiet(() => bytes)])
  server.off("data", count).off("pause", goOn).off("end", enough.resolve).off("close", enough.resolve)
  client.off("close", enough.resolve)
  const taken = () => {
    client.off("drain", taken).off("close", taken)
    sessions -= 1
  }
  if (client.writableNeedDrain && !client.destroyed) client.on("drain", taken).on("close", taken)
  else taken()
}

/** Until no more bytes have come for a while. */
const quiet = async (bytes: () => number): Promise<void> => {
  const began = performance.now()
  let before: number
  do {
    before = bytes()
    await new Promise((resolve) => setTimeout(resolve, QUIET_MILLIS))
  } while (bytes() !== before && performance.now() - began < MAX_MILLIS)
}
