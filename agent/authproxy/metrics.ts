import { counter, gauge, histogram } from "../../platform/metrics.ts"
import { reason } from "../../protocol/core/reasons.ts"

/** Answers by class (`2xx`), by whom (`api-server`, or our refusal's cause). */
export const requests = counter(
  "clusterconnect_auth_proxy_requests_total",
  "Requests that ended, by class of their answer and by who gave it: api-server, or the cause of our own refusal.",
  ["code", "by"],
)
export const requestSeconds = histogram(
  "clusterconnect_auth_proxy_request_seconds",
  "Time from a request's head to the head of its answer.",
)
export const requestBytes = counter(
  "clusterconnect_auth_proxy_request_bytes_total",
  "Bytes of bodies and upgraded connections from clients.",
)
export const responseBytes = counter(
  "clusterconnect_auth_proxy_response_bytes_total",
  "Bytes of bodies and upgraded connections to clients.",
)
export const sessions = gauge("clusterconnect_auth_proxy_upgraded_sessions", "Upgraded connections open now.")
export const inFlight = gauge("clusterconnect_auth_proxy_requests_in_flight", "Requests under way, upgrades included.")
export const memory = gauge(
  "clusterconnect_auth_proxy_memory_bytes",
  "Memory of the control group that the kernel cannot take back, and its limit; neither where there is no limit.",
  ["of"],
)
export const streams = gauge("clusterconnect_auth_proxy_streams", "Streams that have not ended, by state.", ["state"])
export const streamEnds = counter("clusterconnect_auth_proxy_stream_ends_total", "Streams that ended, by reason.", [
  "reason",
])
/** The reasons that this program gives itself when it ends a connection (EndToEnd, Exchanges, forward, forwardUpgrade). */
const own = ["tls-timeout", "tls-failed", "pipelined", "session-limit", "memory-short", "client-aborted", "client-gone"]
const upstream = ["api-server-connection-lost", "api-server-answer-cut"]
const known: ReadonlySet<string> = new Set([...Object.values(reason), ...own, ...upstream])

/** The label for a stream's end. A peer writes what it likes into its reset: unbounded, its words would push out all others. */
export const endLabel = (why: string): string => (known.has(why) ? why : "other")
export const streamsRefused = counter(
  "clusterconnect_auth_proxy_streams_refused_total",
  "Streams that were not opened or resumed, by reason.",
  ["reason"],
)
export const connectionsRefused = counter(
  "clusterconnect_auth_proxy_carrier_connections_refused_total",
  "Sockets on the carrier port closed at once because of a limit, by limit.",
  ["limit"],
)
export const connectionsEnded = counter(
  "clusterconnect_auth_proxy_connections_ended_total",
  "Callers' connections that the auth proxy ended by itself, by why: a time limit, a malformed head.",
  ["end"],
)
export const carriers = counter(
  "clusterconnect_auth_proxy_carriers_total",
  "Upgrades asked for on the carrier port, by outcome.",
  ["outcome"],
)
export const handshakes = counter(
  "clusterconnect_auth_proxy_tls_handshakes_total",
  "End-to-end TLS handshakes, by outcome.",
  ["outcome"],
)
export const connections = gauge("clusterconnect_auth_proxy_api_server_connections", "Connections to the API server.")
export const ready = gauge("clusterconnect_auth_proxy_ready", "1 when new streams are wanted.")
