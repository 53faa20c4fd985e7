import type { IncomingMessage } from "node:http"
import { Readable } from "node:stream"

/**
 * Stops reading a request's body. On Bun 1.4.5, pausing a request of a server that is fed by `emit("connection")` stops nothing:
 * its body is read into memory without bound (100 MB were, in a test). Pausing the socket does stop it.
 * While a body is held, the client's departure is not noticed.
 */
export const holdBody = (request: IncomingMessage): void => {
  // Bun's own resumes the socket whenever the request could take a little more, however much the socket holds.
  request._read = nothing
  request.pause()
  request.socket.pause()
}

/** Goes on after {@link holdBody}. What was read already comes first. */
export const releaseBody = (request: IncomingMessage): void => {
  request.resume()
  takeMore(request)
}

/**
 * To be called for every piece of a body that was taken: goes on with the socket when nothing waits before it. Each resume of a
 * socket makes Bun read half a megabyte, so that one per piece gathers the upload in memory (33 of 40 MB, in the test).
 */
export const takeMore = (request: IncomingMessage): void => {
  const { socket } = request
  if (request.readableLength > 0) return
  if (socket.readableLength > 0) Readable.prototype.resume.call(socket)
  else socket.resume()
}

const nothing = () => {}
