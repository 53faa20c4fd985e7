import type { Check } from "../platform/HealthServer.ts"
import { counter, gauge, histogram } from "../platform/metrics.ts"

export const refusals = counter(
  "clusterconnect_relay_refusals_total",
  "Requests, sessions and streams that were refused, by our word for the cause.",
  ["cause"],
)
export const connectionsRefused = counter(
  "clusterconnect_relay_connections_refused_total",
  "Sockets closed at once because of a limit, by limit.",
  ["limit"],
)
export const connectionsEnded = counter(
  "clusterconnect_relay_connections_ended_total",
  "Connections that the relay ended by itself, by why: a time limit, unread answers, a malformed head.",
  ["end"],
)
export const handshakesFailed = counter(
  "clusterconnect_relay_tls_handshakes_failed_total",
  "TLS handshakes that failed or took too long.",
)
export const carriersEnded = counter("clusterconnect_relay_carriers_ended_total", "Carriers that ended, by outcome.", [
  "outcome",
])
export const bytesCarried = counter(
  "clusterconnect_relay_carried_bytes_total",
  "Payload of ended carriers, by direction.",
  ["direction"],
)
export const openingSeconds = histogram(
  "clusterconnect_relay_opening_seconds",
  "From a user's upgrade to the carrier or the refusal, by outcome.",
  ["outcome"],
)
const sessionsOpen = gauge("clusterconnect_relay_control_sessions", "Control sessions that are open.")
const clustersConnected = gauge("clusterconnect_relay_clusters_connected", "Clusters with a control session.")
const healthy = gauge(
  "clusterconnect_relay_healthy",
  "What the relay serves without, but not well: 1 while it is all right. Checks: database, audit-log, issuers (keys of each were read).",
  ["check"],
)
const carriersOpen = gauge("clusterconnect_relay_carriers", "Carriers that are open.")
const carriersOpening = gauge("clusterconnect_relay_openings", "Users' halves that wait for an agent's.")
const heldBytes = gauge("clusterconnect_relay_held_bytes", "Bytes that carriers hold between their halves.")
const socketsOpen = gauge("clusterconnect_relay_connections", "Sockets on the public port.")
const socketsUnauthenticated = gauge(
  "clusterconnect_relay_connections_unauthenticated",
  "Sockets on the public port whose peer has not shown who it is.",
)
export const auditFailures = counter(
  "clusterconnect_relay_audit_failures_total",
  "Audit lines that could not be written.",
)

export const auditSuppressed = counter(
  "clusterconnect_relay_audit_suppressed_total",
  "Audit lines about peers who had not shown who they are, left out because of their rate.",
)

/** What is open now, before every scrape. */
export const collect = (
  relay: {
    readonly statistics: () => {
      sessions: number
      clusters: number
      openings: number
      carriers: number
      heldBytes: number
    }
  },
  listener: { readonly statistics: () => { connections: number; unauthenticated: number } },
  checks: readonly Check[],
): void => {
  for (const check of ["database", "audit-log", "issuers"]) {
    const about = checks.filter(({ name }) => name === check || (check === "issuers" && name.startsWith("issuer ")))
    healthy.set(about.every(({ ok }) => ok) ? 1 : 0, { check })
  }
  const now = relay.statistics()
  sessionsOpen.set(now.sessions)
  clustersConnected.set(now.clusters)
  carriersOpen.set(now.carriers)
  carriersOpening.set(now.openings)
  heldBytes.set(now.heldBytes)
  const { connections, unauthenticated } = listener.statistics()
  socketsOpen.set(connections)
  socketsUnauthenticated.set(unauthenticated)
}
