import type { WebSocket } from "ws"
import { connectWebSocket, UpgradeRefused } from "../../../platform/outbound.ts"
import type { Dial, DialFailure } from "../../../protocol/control.ts"
import { callerHashHeader, clientAddressHeader, instanceHeader, path } from "../../../protocol/names.ts"
import { carrierMaxPayload } from "../../../protocol/splice.ts"

/** From the order to the auth proxy's 101, over all addresses tried. */
export const connectMillis = 3_000
/** One address that does not answer must leave time for the next. */
export const attemptMillis = 1_000

/** The agent cannot give the relay its half; `reason` is what the relay is told. */
export class DialRefused extends Error {
  override readonly name = "DialRefused"
  readonly reason: DialFailure

  constructor(reason: DialFailure, detail: string) {
    super(detail)
    this.reason = reason
  }
}

/** An open, paused WebSocket to one auth proxy. */
export interface AuthProxyHalf {
  readonly socket: WebSocket
  readonly address: string
}

/** Hears of every address that is tried. */
export interface Attempts {
  readonly began: (address: string) => void
  /** `instance`: the auth proxy is there and works, it is just not the stream's. */
  readonly failed: (address: string, reason: DialFailure) => void
}

/** HTTP 409: the address is right, the process behind it is another one than the stream's. */
const conflict = 409

/** The address half of `<host:port>#<boot nonce>`. */
export const addressOf = (instance: string): string => instance.slice(0, instance.lastIndexOf("#"))

/** Connects to the first of the addresses that takes the carrier, within 3 s in all. Rejects with {@link DialRefused}. */
export const connectAuthProxy = async (
  addresses: readonly string[],
  dial: Dial,
  signal: AbortSignal,
  attempts: Attempts,
): Promise<AuthProxyHalf> => {
  const headers = {
    [callerHashHeader]: dial.callerHash,
    [clientAddressHeader]: dial.clientAddress,
    ...(dial.instance === undefined ? {} : { [instanceHeader]: dial.instance }),
  }
  const deadline = performance.now() + connectMillis
  let failure = new DialRefused("auth-proxy-unreachable", "no address of an auth proxy is known")
  for (const [index, address] of addresses.entries()) {
    const left = deadline - performance.now()
    if (left <= 0) break
    const last = index === addresses.length - 1
    attempts.began(address)
    try {
      const socket = await connectWebSocket(`ws://${address}${path.authProxyCarrier}`, {
        protocols: dial.protocols,
        headers,
        handshakeTimeoutMillis: Math.ceil(last ? left : Math.min(left, attemptMillis)),
        maxPayloadBytes: carrierMaxPayload,
        startPaused: true,
        signal,
      })
      return { socket: socket.on("error", () => {}), address }
    } catch (error) {
      failure = judged(address, error, dial)
      attempts.failed(address, failure.reason)
      signal.throwIfAborted()
    }
  }
  throw failure
}

const judged = (address: string, error: unknown, dial: Dial): DialRefused => {
  if (!(error instanceof UpgradeRefused))
    return new DialRefused("auth-proxy-unreachable", `${address}: ${(error as Error).message}`)
  return error.status === conflict && dial.instance !== undefined
    ? new DialRefused("instance", `${address} is another process than the one that holds the stream`)
    : new DialRefused("auth-proxy-refused", `${address} answered with status ${error.status}`)
}
