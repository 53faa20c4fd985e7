import type { IncomingMessage } from "node:http"

/** What is wrong with a request's head that Bun's parser lets through (RFC 9112; the classes "duplicates" and "request smuggling"). */
export type HeadFault =
  | { readonly fault: "MissingHost" }
  | { readonly fault: "DuplicateHeader"; readonly header: string }
  | { readonly fault: "TransferEncoding" }
  | { readonly fault: "TargetForm" }

/** Two of these lines let two readers of one request see different requests. */
const singular = new Set([
  "authorization",
  "host",
  "content-length",
  "transfer-encoding",
  "upgrade",
  "sec-websocket-key",
  "sec-websocket-version",
])

/** The first fault of a head, judged on the raw header lines; undefined for a head that may be processed. */
export function headFault(request: Pick<IncomingMessage, "rawHeaders" | "httpVersion" | "url">): HeadFault | undefined {
  const seen = new Map<string, string>()
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = (request.rawHeaders[index] ?? "").toLowerCase()
    if (!singular.has(name)) continue
    if (seen.has(name)) return { fault: "DuplicateHeader", header: name }
    seen.set(name, request.rawHeaders[index + 1] ?? "")
  }
  if (!seen.get("host")) return { fault: "MissingHost" }
  const encoding = seen.get("transfer-encoding")
  if (
    encoding !== undefined &&
    (encoding !== "chunked" || request.httpVersion !== "1.1" || seen.has("content-length"))
  ) {
    return { fault: "TransferEncoding" }
  }
  if (!request.url?.startsWith("/")) return { fault: "TargetForm" }
  return undefined
}

/** A sentence for the refusal's body and the log. */
export function faultText(fault: HeadFault): string {
  switch (fault.fault) {
    case "MissingHost":
      return "the request has no Host header"
    case "DuplicateHeader":
      return `the request has more than one ${fault.header} header`
    case "TransferEncoding":
      return "the only transfer encoding accepted is chunked, on HTTP/1.1, without Content-Length"
    case "TargetForm":
      return "the request target must be an absolute path"
  }
}
