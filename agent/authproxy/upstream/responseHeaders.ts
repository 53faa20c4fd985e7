import type { IncomingMessage } from "node:http"
import { timingHeader, withoutForeignTimings } from "../../../protocol/serverTiming.ts"
import { headerLines, listOf } from "../exchange/Incoming.ts"

const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
])

/**
 * The header lines of an answer that go on to the client, flat: all but those about the connection, and but timings that pass for
 * ours; then our own, `timing`.
 */
export const responseHeaders = (rawHeaders: readonly string[], timing: string): readonly string[] => {
  const named = new Set(listOf(rawHeaders, "connection").map((name) => name.toLowerCase()))
  const kept = headerLines(rawHeaders).flatMap(([name, value]) => {
    const lower = name.toLowerCase()
    return hopByHop.has(lower) || named.has(lower) ? [] : [name, value]
  })
  return [...withoutForeignTimings(kept, "api-server"), timingHeader, timing]
}

/**
 * Values as `http.ServerResponse` must be given them: it writes text as UTF-8, so bytes beyond ASCII are turned into the text
 * that they are. What lies beyond latin1 cannot be given to it and stays as it came.
 */
export const serverValue = (value: string): string => {
  if (!/[\u0080-\u00ff]/.test(value)) return value
  const text = Buffer.from(value, "latin1").toString("utf8")
  return /[^\u0000-\u00fe]/.test(text) ? value : text
}

/** RFC 9110 section 15: three digits from 100 to 599 are a status, and those from 200 on end the exchange. */
export const isFinalStatus = (statusCode: number): boolean => statusCode >= 200 && statusCode <= 599

/** False for an answer that has a body and ends only where its connection ends: cut, it would look complete. */
export const isDelimited = (
  method: string,
  { statusCode = 0, rawHeaders }: Pick<IncomingMessage, "statusCode" | "rawHeaders">,
) =>
  !hasBody(method, statusCode) ||
  listOf(rawHeaders, "transfer-encoding").at(-1)?.toLowerCase() === "chunked" ||
  headerLines(rawHeaders).some(([name]) => name.toLowerCase() === "content-length")

/** RFC 9110 section 6.4.1. */
export const hasBody = (method: string, statusCode: number): boolean =>
  method !== "HEAD" && statusCode >= 200 && statusCode !== 204 && statusCode !== 304
