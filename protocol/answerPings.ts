import type { WebSocket } from "ws"

/** Pongs that may wait for a peer that does not read. */
export const mostUnreadPongBytes = 64 * 1024

/**
 * Answers WebSocket pings, which nothing of ours sends, as long as the peer reads the answers. For servers made with `autoPong: false`:
 * the runtime's own pongs to a peer that only writes gather in memory, 16 MiB for each socket.
 */
export const answerPings = (socket: WebSocket): void => {
  socket.on("ping", (data) => {
    if (socket.bufferedAmount < mostUnreadPongBytes) socket.pong(data)
  })
}
