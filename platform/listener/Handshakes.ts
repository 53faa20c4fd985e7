import type * as net from "node:net"

/** Several round trips of the slowest link, and time to compute: whoever is not through TLS by then holds a socket for nothing. */
export const HANDSHAKE_TIMEOUT_MILLIS = 10_000

/** The sockets of a TLS listener whose handshake is under way. Each leaves once: done, failed, late or closed. */
export class Handshakes {
  readonly #timeoutMillis: number
  readonly #onFailure: (socket: net.Socket, code: string) => void
  readonly #late = new Map<net.Socket, ReturnType<typeof setTimeout>>()

  constructor(onFailure: (socket: net.Socket, code: string) => void, timeoutMillis = HANDSHAKE_TIMEOUT_MILLIS) {
    this.#onFailure = onFailure
    this.#timeoutMillis = timeoutMillis
  }

  get count(): number {
    return this.#late.size
  }

  begin(socket: net.Socket): void {
    const late = setTimeout(() => {
      this.fail(socket, "HANDSHAKE_TIMEOUT")
      socket.destroy()
    }, this.#timeoutMillis)
    this.#late.set(socket, late)
    socket.on("error", () => {})
    socket.once("close", () => this.settle(socket))
  }

  /** True the first time. */
  settle(socket: net.Socket): boolean {
    clearTimeout(this.#late.get(socket))
    return this.#late.delete(socket)
  }

  /** Reports the failure, once. */
  fail(socket: net.Socket, code: string): void {
    if (this.settle(socket)) this.#onFailure(socket, code)
  }

  destroyAll(): void {
    for (const socket of this.#late.keys()) socket.destroy()
  }
}
