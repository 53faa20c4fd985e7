import type { Socket } from "node:net"
import { attempting } from "./attempt.ts"
import { openPipe, type Route } from "./openTransport.ts"

/** A lookup, a connect and a CONNECT. */
const PIPE_TIMEOUT_MILLIS = 5_000

/**
 * Connects to the host and port of an https service by the route's proxy rules and leaves the TLS to the caller, who has rules
 * of its own for it. Rejects with `Unreachable` naming the stage, or with the signal's reason.
 */
export const pipeTo =
  (route: Route) =>
  (target: {
    readonly host: string
    readonly port: number
    readonly signal: AbortSignal
  }): Promise<{ readonly socket: Socket; readonly viaProxy: boolean }> => {
    const host = target.host.includes(":") ? `[${target.host}]` : target.host
    const url = new URL(`https://${host}:${target.port}`)
    return attempting(url, { timeoutMillis: PIPE_TIMEOUT_MILLIS, signal: target.signal }, (attempt) =>
      openPipe(url, route, attempt),
    )
  }
