import { counter, gauge, histogram } from "../../platform/metrics.ts"
import type { CarrierReport } from "./carriers/Carriers.ts"
import type { ControlReport } from "./control/state.ts"

const sessions = gauge("clusterconnect_agent_control_sessions", "Control sessions that are open and answer.")
const sessionEvents = counter("clusterconnect_agent_control_events_total", "Control sessions, by what happened.", [
  "event",
])
const carriers = gauge("clusterconnect_agent_carriers", "Carriers that the agent splices.")
const dials = counter("clusterconnect_agent_dials_total", "Orders of the relay to open a carrier, by outcome.", [
  "outcome",
])
const dialSeconds = histogram(
  "clusterconnect_agent_dial_seconds",
  "From the relay's order until both halves of a carrier are joined.",
)
const bytes = counter("clusterconnect_agent_carrier_bytes_total", "Bytes of ended carriers, by direction.", [
  "direction",
])

export const countControl = (report: ControlReport): void => sessionEvents.add(1, { event: report.event })

export const countCarrier = (report: CarrierReport): void => {
  switch (report.event) {
    case "carrying":
      dials.add(1, { outcome: "carrying" })
      dialSeconds.observe(report.tookMillis / 1000)
      break
    case "refused":
      dials.add(1, { outcome: report.reason })
      break
    case "ended":
      bytes.add(report.bytesAToB, { direction: "to-auth-proxy" })
      bytes.add(report.bytesBToA, { direction: "to-relay" })
      break
  }
}

export const showCounts = (openSessions: number, liveCarriers: number): void => {
  sessions.set(openSessions)
  carriers.set(liveCarriers)
}
