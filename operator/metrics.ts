import { counter, gauge, histogram } from "../platform/metrics.ts"

export const leading = gauge("clusterconnect_operator_leading", "1 while this process reconciles.")
export const passes = counter("clusterconnect_operator_passes_total", "Passes over a resource, by outcome.", [
  "outcome",
])
export const passSeconds = histogram("clusterconnect_operator_pass_seconds", "Duration of a pass over a resource.")
