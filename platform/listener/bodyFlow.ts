import type { IncomingMessage } from "node:http"

/**
 * Stops reading a request's body that nobody takes yet. On Bun 1.4.5, pausing a request of a server that is fed by
 * `emit("connection")` stops nothing: its body is read into memory without bound (100 MB were, in a test). Pausing the socket does stop it.
 * While a body is held, the client's departure is not noticed.
 */
export const holdBody = (request: IncomingMessage): void => {
  request.pause()
  stopReading(request)
}

/**
 * Stops reading when whoever takes the pieces is full. The pieces of what was read already, up to 512 KiB, still come. Were they held
 * back too, each release would bring one piece and another read: 33 of 40 MB gathered in a test, and pieces left one by one.
 */
export const stopReading = (request: IncomingMessage): void => {
  request.socket.pause()
}

/** Goes on after {@link holdBody} or {@link stopReading}. */
export const releaseBody = (request: IncomingMessage): void => {
  request.socket.resume()
  request.resume()
}
