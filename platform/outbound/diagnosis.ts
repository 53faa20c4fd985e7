import { type Attempt, failure } from "./attempt.ts"
import type { Stage } from "./failures.ts"
import { openTransport, type Route } from "./openTransport.ts"
import { proxyFor } from "./proxyRules.ts"

/*
 * Bun's WebSocket client does not say how far it came. It opens the connection all the same, because over a socket that we
 * open a WebSocket runs in JavaScript and costs about twice the CPU per byte; what it does not say is found out here.
 */

/** The failure to report for an error of a WebSocket: by its code where that is clear, else by trying the way again. */
export async function diagnosis(error: unknown, url: URL, route: Route, attempt: Attempt): Promise<unknown> {
  const clear = proxyFor(url, route.proxy ?? {}) ? undefined : stageOf(error as NodeJS.ErrnoException)
  if (clear) attempt.stage = clear
  else {
    const found = await probe(url, route, attempt)
    if (found) return found
  }
  return failure(attempt, error)
}

/**
 * Tries the way again if the attempt is still under way after `afterMillis`, so that its deadline names the stage at which it
 * hangs; returns the function that ends this.
 */
export function probing(url: URL, route: Route, attempt: Attempt, afterMillis: number): () => void {
  const timer = setTimeout(() => void probe(url, route, attempt), afterMillis)
  return () => clearTimeout(timer)
}

/** Goes as far as TLS and sends no request; leaves the stage reached in the attempt. Returns the failure, if there is one. */
async function probe(url: URL, route: Route, attempt: Attempt): Promise<unknown> {
  try {
    const socket = await openTransport(url, route, attempt)
    socket.destroy()
    return undefined
  } catch (error) {
    return error
  }
}

function stageOf({ code = "", syscall }: NodeJS.ErrnoException): Stage | undefined {
  if (syscall === "getaddrinfo") return "dns"
  if (syscall === "connect") return "tcp"
  if (/^(ERR_SSL|ERR_TLS|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/.test(code)) return "tls"
  return code.startsWith("HPE_") ? "http" : undefined
}
