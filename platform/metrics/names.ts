/** A metric that Prometheus' conventions or our privacy rule forbid; a mistake of the program, found when it starts. */
export class MetricInvalid extends Error {
  override readonly name = "MetricInvalid"

  constructor(metric: string, detail: string) {
    super(`metric ${metric}: ${detail}`)
  }
}

export type Kind = "counter" | "gauge" | "histogram"

export const METRIC_PREFIX = "clusterconnect_"

/** Who uses a cluster is in the audit log, which has readers of its own; metrics are read by everybody who runs a dashboard. */
const personal = /user|caller|subject|email|group|token|address|client_ip/

/** Throws {@link MetricInvalid}: prefix, characters, `_total` for counters and only them, base units for histograms, labels without people. */
export function checkMetric(kind: Kind, name: string, help: string, labels: readonly string[]): void {
  const refuse = (detail: string): never => {
    throw new MetricInvalid(name, detail)
  }
  if (!name.startsWith(METRIC_PREFIX) || !/^[a-z][a-z0-9_]*$/.test(name))
    refuse(`expected ${METRIC_PREFIX} and lower-case words`)
  if ((kind === "counter") !== name.endsWith("_total")) refuse("counters end in _total, and only they do")
  if (kind === "histogram" && !/_(seconds|bytes)$/.test(name)) refuse("histograms are in _seconds or _bytes")
  if (help.trim() === "") refuse("it has no help text")
  for (const label of labels) {
    if (!/^[a-z][a-z0-9_]*$/.test(label) || label === "le") refuse(`label ${label} is not allowed`)
    if (personal.test(label)) refuse(`label ${label} could name a person`)
  }
}
