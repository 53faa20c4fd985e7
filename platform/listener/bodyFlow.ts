import type { IncomingMessage } from "node:http"

/**
 * Stops reading a request's body. On Bun 1.4.5, pausing a request of a server that is fed by `emit("connection")` stops nothing:
 * its body is read into memory without bound (100 MB were, in a test). Pausing the socket does stop it.
 * While a body is held, the client's departure is not noticed.
 */
export const holdBody = (request: IncomingMessage): void => {
  request.pause()
  request.socket.pause()
}

/** Goes on after {@link holdBody}. */
export const releaseBody = (request: IncomingMessage): void => {
  request.socket.resume()
  request.resume()
}
