import { type Timings, timingHeader, timingValue, withoutForeignTimings } from "../../protocol/serverTiming.ts"
import { bearerProtocolPrefix, connectionOptions } from "./admission.ts"

/** Headers that belong to one connection (RFC 9110 section 7.6.1), and those that this hop writes itself. */
const ours = new Set([
  "authorization",
  "connection",
  "content-length",
  "cookie",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
])
const isProxyHeader = (name: string) => name.startsWith("proxy-")

export interface Forwarding {
  /** Host of the far end. */
  readonly host: string
  /** The caller's own token for the cluster. */
  readonly token: string
  /** How the body is framed: by us, never as the client wrote it. */
  readonly body: { readonly kind: "none" | "chunked" } | { readonly kind: "length"; readonly bytes: string }
  /** The protocol that an upgrade asks for. */
  readonly upgrade: string | undefined
}

/**
 * The headers that go to the cluster, as a flat list of names and values in the client's order: repeated lines stay separate
 * lines. The session credential is gone and the caller's token in its place. Impersonate-* passes: the auth proxy judges it.
 */
export const requestHeaders = (rawHeaders: readonly string[], forwarding: Forwarding): string[] => {
  const dropped = new Set(connectionOptions(rawHeaders))
  const headers = ["Host", forwarding.host]
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2)
    const lower = name.toLowerCase()
    if (ours.has(lower) || isProxyHeader(lower) || dropped.has(lower)) continue
    if (lower !== "sec-websocket-protocol") headers.push(name, value)
    else headers.push(...withoutBearer(name, value))
  }
  headers.push("Authorization", `Bearer ${forwarding.token}`)
  if (forwarding.body.kind === "length") headers.push("Content-Length", forwarding.body.bytes)
  if (forwarding.body.kind === "chunked") headers.push("Transfer-Encoding", "chunked")
  if (forwarding.upgrade === undefined) headers.push("Connection", "keep-alive")
  else headers.push("Connection", "Upgrade", "Upgrade", forwarding.upgrade)
  return headers
}

const withoutBearer = (name: string, value: string): string[] => {
  const protocols = value.split(",").map((one) => one.trim())
  const kept = protocols.filter((one) => one !== "" && !one.startsWith(bearerProtocolPrefix))
  return kept.length === 0 ? [] : [name, kept.join(", ")]
}

const ofOneConnection = new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"])

/** Methods whose requests Node and Bun frame as chunked when nothing says that there is no body. */
const withoutBody = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"])

/** How this hop frames the body of a request that the client framed so. */
export const framing = (method: string, length: string | undefined, coding: string | undefined): Forwarding["body"] => {
  if (coding !== undefined) return { kind: "chunked" }
  if (length !== undefined) return { kind: "length", bytes: length }
  return withoutBody.has(method) ? { kind: "none" } : { kind: "length", bytes: "0" }
}

/** The headers of an answer for the local client, lines kept separate; framing, connection and our timings are this hop's own. */
export const responseHeaders = (rawHeaders: readonly string[], timings: Timings): string[] => {
  const dropped = new Set(connectionOptions(rawHeaders))
  const headers: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name = "", value = ""] = rawHeaders.slice(index, index + 2)
    const lower = name.toLowerCase()
    if (ofOneConnection.has(lower) || dropped.has(lower)) continue
    headers.push(name, writable(value))
  }
  return [...withoutForeignTimings(headers, "auth-proxy"), timingHeader, timingValue(timings)]
}

/**
 * Bun reads header bytes as Latin-1 and a server writes them as UTF-8, which would encode them twice. A character that a header
 * value cannot hold at all becomes a question mark: it is prose, in a Warning.
 */
const writable = (value: string): string =>
  /^[\t\x20-\x7e]*$/.test(value)
    ? value
    : Buffer.from(value, "latin1")
        .toString("utf8")
        .replace(/[^\t\x20-\x7e\x80-\xff]/g, "?")

/** The headers of a 101, whole: Connection and Upgrade are the message here. */
export const upgradeHeaders = (rawHeaders: readonly string[], timings: Timings): string[] => {
  const kept = rawHeaders.flatMap((name, index) => {
    const lower = name.toLowerCase()
    if (index % 2 === 1 || ["keep-alive", "content-length", "transfer-encoding", "trailer"].includes(lower)) return []
    return [name, rawHeaders[index + 1] ?? ""]
  })
  return [...withoutForeignTimings(kept, "auth-proxy"), timingHeader, timingValue(timings)]
}
