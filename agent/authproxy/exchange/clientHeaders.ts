import { Either } from "effect"
import { headerLines, type Incoming, listOf } from "./Incoming.ts"
import { ImpersonationRefused } from "./refusals.ts"

/** RFC 9110 section 7.6.1 and what older software added: about one connection, never about the request. */
const hopByHop = new Set([
  "connection",
  "http2-settings",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
])

/** Written by us, or credentials that were meant for us alone. */
const ours = new Set(["audit-id", "authorization", "content-length", "expect", "host"])

/** Who the caller is or where it is: only the auth proxy says that. */
const spoofable = ["x-remote-", "x-forwarded-", "clusterconnect-", "proxy-"]
const spoofableNames = new Set([
  "forwarded",
  "via",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "true-client-ip",
])

/** A reader that obeys one of these sees another request than the one that was judged. */
const otherRequest = new Set([
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-url",
  "x-rewrite-url",
])

const webSocketHeader = "sec-websocket-"

/** The name as the most careless reader behind us would compare it (CGI writes `-` as `_`). */
const normal = (name: string): string => name.toLowerCase().replaceAll("_", "-").trim()

/** True for every spelling of every impersonation header, known to the API server today or not. */
export const isImpersonation = (name: string): boolean => normal(name).startsWith("impersonate")

/** The client's own impersonation headers, lines as they came. */
export const impersonationLines = ({ rawHeaders }: Incoming): readonly (readonly [name: string, value: string])[] =>
  headerLines(rawHeaders).filter(([name]) => isImpersonation(name))

/** Refuses a request that carries an impersonation header of any spelling. */
export const withoutImpersonation = (incoming: Incoming): Either.Either<void, ImpersonationRefused> =>
  impersonationLines(incoming).length === 0 ? Either.void : Either.left(new ImpersonationRefused({}))

/**
 * The header lines of the client that go on to the API server, flat, in their order: no identity, no source address, no
 * framing, no other method or path, nothing that is about the connection or that `Connection` names, no credential. WebSocket's own headers go on only
 * with a WebSocket upgrade; their subprotocols are the credential pass's business and are left out.
 */
export const clientHeaders = (incoming: Incoming, options: { readonly webSocket: boolean }): readonly string[] => {
  const named = new Set(listOf(incoming.rawHeaders, "connection").map(normal))
  return headerLines(incoming.rawHeaders).flatMap(([name, value]) =>
    isDropped(name, named, options.webSocket) ? [] : [name, wireValue(value)],
  )
}

const isDropped = (name: string, named: ReadonlySet<string>, webSocket: boolean): boolean => {
  const lower = normal(name)
  if (name.includes("_") || isImpersonation(name)) return true
  if (hopByHop.has(lower) || ours.has(lower) || named.has(lower)) return true
  if (otherRequest.has(lower) || spoofableNames.has(lower) || spoofable.some((prefix) => lower.startsWith(prefix)))
    return true
  if (lower.startsWith(webSocketHeader)) return !webSocket || lower === "sec-websocket-protocol"
  return false
}

/** Bytes of UTF-8 as the latin1 text that puts exactly these bytes on the wire (plain text beyond latin1 would throw). */
const wireValue = (value: string): string =>
  /[^\u0000-\u00ff]/.test(value) ? Buffer.from(value, "utf8").toString("latin1") : value
