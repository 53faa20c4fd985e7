import type { Log } from "../../platform/logs.ts"
import type { CarrierReport } from "./carriers/Carriers.ts"
import type { ControlReport } from "./control/state.ts"

const seconds = (millis: number | undefined) =>
  millis === undefined ? {} : { retryInSeconds: Math.round(millis / 100) / 10 }

/** One line per event of a control session, with the relay's own words. */
export const logControl = (log: Log, report: ControlReport): void => {
  switch (report.event) {
    case "opened":
      log.info("control session open", { replica: report.replica })
      break
    case "refused":
      log.warn("the relay refuses this agent", {
        cause: report.cause,
        detail: report.detail,
        ...seconds(report.retryInMillis),
      })
      break
    case "unreachable":
      log.warn("the relay cannot be reached", { detail: report.detail, ...seconds(report.retryInMillis) })
      break
    case "lost":
      log.warn("control session lost", { detail: report.detail, ...seconds(report.retryInMillis) })
      break
    case "silent":
      log.warn("the relay does not answer; opening another control session")
      break
    case "ignored":
      log.warn("message of the relay ignored", { detail: report.detail })
      break
    case "superseded":
      log.debug("older control session closed")
      break
  }
}

/** Carriers are many: a line each only at debug level, but for failures. */
export const logCarrier = (log: Log, report: CarrierReport): void => {
  switch (report.event) {
    case "carrying":
      log.debug("carrier joined", {
        authProxy: report.address,
        resumed: report.resumed,
        tookMillis: Math.round(report.tookMillis),
      })
      break
    case "refused":
      log.warn("dial failed", { reason: report.reason, detail: report.detail })
      break
    case "ended":
      log.debug("carrier ended", {
        authProxy: report.address,
        code: report.code,
        reason: report.reason,
        bytesToAuthProxy: report.bytesAToB,
        bytesToRelay: report.bytesBToA,
      })
      break
  }
}
