import type { Duplex } from "node:stream"

/** As long as a stream is held: a client that is stopped for minutes still finds everything that it was sent. */
const lingerMillis = 300_000

/**
 * Closes a connection on which nothing more will be written, once the peer has closed too (RFC 9112 section 9.6), or after five minutes. Until
 * then everything that comes is read and dropped: a socket that is closed with bytes unread, or that gets some afterwards, answers
 * with a reset, and the peer's kernel throws away what the peer has not read yet.
 */
export const lingeringClose = (socket: Duplex, millis = lingerMillis): void => {
  socket.unpipe()
  socket.resume()
  socket.end()
  const late = setTimeout(() => socket.destroy(), millis)
  late.unref()
  const look = () => {
    if (socket.writableFinished && socket.readableEnded) socket.destroy()
  }
  socket.once("close", () => clearTimeout(late))
  socket.once("finish", look)
  socket.once("end", look)
  look()
}
