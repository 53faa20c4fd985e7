import type { Socket } from "node:net"
import { addressBlock } from "./addressBlock.ts"

export interface AdmissionLimits {
  /** Sockets that have not authenticated, the ones in their TLS handshake included. */
  readonly maxUnauthenticated: number
  /** The same, per remote address (an IPv6 network of /64 is one); undefined where all come from one address, behind a TLS terminator. */
  readonly maxUnauthenticatedPerAddress: number | undefined
  readonly maxConnections: number
}

export type Refusal = "unauthenticated" | "unauthenticatedPerAddress" | "connections"

/** Counts accepted sockets, so that those who never say who they are cannot keep out those who do. */
export class Admission {
  readonly #limits: () => AdmissionLimits
  readonly #connections = new Set<Socket>()
  readonly #unauthenticated = new Map<Socket, string>()
  readonly #perAddress = new Map<string, number>()

  /** The limits are asked for at every socket: they may change, and those that are open stay. */
  constructor(limits: () => AdmissionLimits) {
    this.#limits = limits
  }

  get connections(): number {
    return this.#connections.size
  }

  get unauthenticated(): number {
    return this.#unauthenticated.size
  }

  /** Counts the socket until it closes, or says which limit it would exceed. */
  admit(socket: Socket): Refusal | undefined {
    const address = addressBlock(socket.remoteAddress ?? "")
    const {
      maxConnections,
      maxUnauthenticated,
      maxUnauthenticatedPerAddress = Number.POSITIVE_INFINITY,
    } = this.#limits()
    const fromAddress = this.#perAddress.get(address) ?? 0
    if (this.#connections.size >= maxConnections) return "connections"
    if (this.#unauthenticated.size >= maxUnauthenticated) return "unauthenticated"
    if (fromAddress >= maxUnauthenticatedPerAddress) return "unauthenticatedPerAddress"
    this.#connections.add(socket)
    this.#unauthenticated.set(socket, address)
    this.#perAddress.set(address, fromAddress + 1)
    socket.once("close", () => {
      this.#connections.delete(socket)
      this.authenticated(socket)
    })
    return undefined
  }

  isAuthenticated(socket: Socket): boolean {
    return !this.#unauthenticated.has(socket)
  }

  /** The socket's peer has shown who it is; it no longer counts. Safe to call again, and for a socket that is gone. */
  authenticated(socket: Socket): void {
    const address = this.#unauthenticated.get(socket)
    if (address === undefined) return
    this.#unauthenticated.delete(socket)
    const left = (this.#perAddress.get(address) ?? 1) - 1
    if (left === 0) this.#perAddress.delete(address)
    else this.#perAddress.set(address, left)
  }
}
