import type { Socket } from "node:net"

/** What kernels keep between the API server and us is 4 to 15 MiB by the defaults of Linux. */
export const MAX_AHEAD_BYTES = 16 * 1024 * 1024
/** Of all sessions; what was read for them waits here until their clients have taken it. */
const MAX_SESSIONS = 4
/** Longer than the way to the API server and back. */
const QUIET_MILLIS = 50
/** A server that always has more is not read to its end. */
const MAX_MILLIS = 1_000

let sessions = 0

/**
 * Reads what the kernels have of the server, whatever the client takes: until nothing more comes, or the server's end, or `most` bytes. What the
 * client gets stays in its order. Not for more than four sessions at once.
 */
export const readAhead = async (server: Socket, client: Socket, most: number): Promise<void> => {
  if (sessions >= MAX_SESSIONS) return
  sessions += 1
  const enough = Promise.withResolvers<void>()
  let bytes = 0
  const count = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes >= most) enough.resolve()
  }
  // Whoever pipes pauses it with each chunk.
  const goOn = () => void setImmediate(() => server.listeners("pause").includes(goOn) && server.resume())
  server.on("data", count).on("pause", goOn).on("end", enough.resolve).on("close", enough.resolve)
  client.on("close", enough.resolve)
  server.resume()
  await Promise.race([enough.promise, quiet(() => bytes)])
  server.off("data", count).off("pause", goOn).off("end", enough.resolve).off("close", enough.resolve)
  client.off("close", enough.resolve)
  whenTaken(client, () => {
    sessions -= 1
  })
}

/** Calls back when the client has all that was written to it, or is gone. A stream whose end was written drains no more. */
const whenTaken = (client: Socket, body: () => void): void => {
  const waits = client.writableNeedDrain || (client.writableEnded && !client.writableFinished)
  if (!waits || client.destroyed) {
    body()
    return
  }
  const events = ["drain", "finish", "close"] as const
  const taken = () => {
    for (const event of events) client.off(event, taken)
    body()
  }
  for (const event of events) client.on(event, taken)
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
