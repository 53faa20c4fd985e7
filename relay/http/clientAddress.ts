import type { IncomingMessage } from "node:http"
import { isIP } from "node:net"

/** An IPv4 address in IPv6 clothes is the IPv4 address: both would count apart, and policies name the latter. */
const plain = (address: string) => address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "")

/**
 * Where a request comes from: the socket's peer, or, if that is a trusted proxy, the last address in X-Forwarded-For that is
 * not one. What stands before it was written by whoever, and is not believed.
 */
export const clientAddress = (request: IncomingMessage, isTrustedProxy: (address: string) => boolean): string => {
  let address = plain(request.socket.remoteAddress ?? "unknown")
  const header = request.headers["x-forwarded-for"]
  const forwarded = (Array.isArray(header) ? header.join(",") : (header ?? ""))
    .split(",")
    .map((one) => plain(one.trim()))
  for (const next of forwarded.reverse()) {
    if (!isTrustedProxy(address) || isIP(next) === 0) break
    address = next
  }
  return address
}
