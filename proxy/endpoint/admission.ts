import type { Refusal } from "../../protocol/status.ts"
import { secretsEqual } from "../../protocol/ticket.ts"

export interface IncomingHead {
  readonly method: string
  readonly target: string
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
}

export interface EndpointIdentity {
  readonly cluster: string
  readonly port: number
  /** The session credential in the kubeconfig. */
  readonly credential: string
}

/** How a WebSocket client that cannot set headers sends a bearer token (Kubernetes, apiserver pkg/authentication/request/websocket). */
export const bearerProtocolPrefix = "base64url.bearer.authorization.k8s.io."

/** At most once in a request: two could be read differently by two hops. */
const single = ["authorization", "host", "content-length", "upgrade", "sec-websocket-key", "transfer-encoding"]

const refusal = (code: number, cause: string, message: string): Refusal => ({ code, hop: "proxy", cause, message })

/** All values of a header, by its lower-case name. */
export const valuesOf = (rawHeaders: readonly string[], name: string): string[] =>
  rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name)

/**
 * Whether a request at the local endpoint may go on, decided before anything is sent anywhere. A request that comes from a web
 * page, under another name (DNS rebinding) or without the session credential is refused.
 */
export const admission = (head: IncomingHead, endpoint: EndpointIdentity): Refusal | undefined =>
  formFault(head) ?? originFault(head, endpoint) ?? credentialFault(head, endpoint)

const formFault = ({ method, target, httpVersion, rawHeaders }: IncomingHead): Refusal | undefined => {
  if (httpVersion !== "1.1") return refusal(400, "HttpVersion", "only HTTP/1.1 is spoken here")
  if (method === "CONNECT" || !/^\/[\x21-\x7e]*$/.test(target))
    return refusal(400, "TargetForm", "the request target must be a path of printable ASCII; this is no forward proxy")
  const repeated = single.find((name) => valuesOf(rawHeaders, name).length > 1)
  if (repeated !== undefined) return refusal(400, "HeaderRepeated", `header ${repeated} is there more than once`)
  const coding = valuesOf(rawHeaders, "transfer-encoding")[0]
  if (coding !== undefined && coding.toLowerCase() !== "chunked")
    return refusal(400, "TransferEncoding", "the only transfer coding that is understood is chunked")
  if (coding !== undefined && valuesOf(rawHeaders, "content-length").length > 0)
    return refusal(400, "ContentLengthAndChunked", "a request has a length or is chunked, not both")
  const named = connectionOptions(rawHeaders).find((name) => name === "authorization" || /^impersonate[-_]/.test(name))
  if (named !== undefined)
    return refusal(
      400,
      "ConnectionNamesIdentity",
      `Connection names ${named}: a header of identity is never hop-by-hop`,
    )
  return undefined
}

/** The header names that the client's Connection header makes hop-by-hop, in lower case. */
export const connectionOptions = (rawHeaders: readonly string[]): string[] =>
  valuesOf(rawHeaders, "connection")
    .flatMap((value) => value.split(","))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "")

const originFault = ({ rawHeaders }: IncomingHead, { port }: EndpointIdentity): Refusal | undefined => {
  const host = valuesOf(rawHeaders, "host")[0]
  if (host === undefined || ![`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`].includes(host.toLowerCase()))
    return refusal(403, "HostRefused", `the Host header must be 127.0.0.1:${port} or localhost:${port}`)
  if (valuesOf(rawHeaders, "origin").length > 0)
    return refusal(403, "OriginRefused", "requests of web pages are not served")
  const sites = valuesOf(rawHeaders, "sec-fetch-site")
  if (sites.some((site) => site.trim().toLowerCase() !== "none"))
    return refusal(403, "CrossSiteRefused", "requests that a web page caused are not served")
  return undefined
}

const credentialFault = ({ rawHeaders }: IncomingHead, endpoint: EndpointIdentity): Refusal | undefined => {
  const shown = shownCredential(rawHeaders)
  const help = "use the kubeconfig that this `clusterconnect proxy` wrote"
  if (shown === undefined) return refusal(401, "CredentialMissing", `no session credential: ${help}`)
  if (!secretsEqual(shown, endpoint.credential))
    return refusal(401, "CredentialWrong", `not the session credential of cluster ${endpoint.cluster}: ${help}`)
  return undefined
}

const shownCredential = (rawHeaders: readonly string[]): string | undefined => {
  const [authorization] = valuesOf(rawHeaders, "authorization")
  if (authorization !== undefined) return /^bearer +([^\s]+)$/i.exec(authorization.trim())?.[1]
  const protocols = valuesOf(rawHeaders, "sec-websocket-protocol").flatMap((value) => value.split(","))
  const bearers = protocols.map((one) => one.trim()).filter((one) => one.startsWith(bearerProtocolPrefix))
  const [bearer] = bearers
  if (bearer === undefined || bearers.length > 1) return undefined
  return Buffer.from(bearer.slice(bearerProtocolPrefix.length), "base64url").toString("utf8")
}
