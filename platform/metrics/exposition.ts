import { Metric, MetricKeyType, type MetricPair, MetricState } from "effect"
import { collectNow } from "./instruments.ts"
import { METRIC_PREFIX } from "./names.ts"

export const EXPOSITION_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

/** All metrics with our prefix and those of the process, in Prometheus' text format 0.0.4, sorted by name. */
export function exposition(): string {
  collectNow()
  const families = new Map<string, Family>()
  for (const pair of Metric.unsafeSnapshot()) {
    const name = pair.metricKey.name
    if (!name.startsWith(METRIC_PREFIX)) continue
    const family = families.get(name) ?? emptyFamily(name, pair)
    families.set(name, family)
    family.lines.push(...samples(name, pair))
  }
  for (const family of processFamilies()) families.set(family.name, family)
  const sorted = [...families.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  return sorted
    .map(
      ({ name, help, type, lines }) =>
        `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join("\n")}\n`,
    )
    .join("")
}

interface Family {
  readonly name: string
  readonly help: string
  readonly type: "counter" | "gauge" | "histogram" | "untyped"
  readonly lines: string[]
}

function emptyFamily(name: string, { metricKey }: MetricPair.MetricPair.Untyped): Family {
  const { keyType } = metricKey
  const type = MetricKeyType.isCounterKey(keyType)
    ? "counter"
    : MetricKeyType.isGaugeKey(keyType)
      ? "gauge"
      : MetricKeyType.isHistogramKey(keyType)
        ? "histogram"
        : "untyped"
  const help = metricKey.description._tag === "Some" ? metricKey.description.value : name
  return { name, help, type, lines: [] }
}

function samples(name: string, { metricKey, metricState }: MetricPair.MetricPair.Untyped): string[] {
  const labels = metricKey.tags.map(({ key, value }) => [key, value] as const)
  if (MetricState.isCounterState(metricState)) return [sample(name, labels, metricState.count)]
  if (MetricState.isGaugeState(metricState)) return [sample(name, labels, metricState.value)]
  if (!MetricState.isHistogramState(metricState)) return []
  const buckets = [...metricState.buckets].filter(([boundary]) => Number.isFinite(boundary))
  return [
    ...buckets.map(([boundary, count]) => sample(`${name}_bucket`, [...labels, ["le", number(boundary)]], count)),
    sample(`${name}_bucket`, [...labels, ["le", "+Inf"]], metricState.count),
    sample(`${name}_sum`, labels, metricState.sum),
    sample(`${name}_count`, labels, metricState.count),
  ]
}

function sample(name: string, labels: ReadonlyArray<readonly [string, string]>, value: number | bigint): string {
  const inner = labels.map(([key, text]) => `${key}="${escapeLabel(text)}"`).join(",")
  return `${name}${inner === "" ? "" : `{${inner}}`} ${number(value)}`
}

function number(value: number | bigint): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf"
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value)
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")
}

function escapeHelp(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
}

/** The names that Prometheus' client libraries use for every process, so that dashboards made for them work. */
function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage()
  const started = Date.now() / 1000 - process.uptime()
  const gauge = (name: string, help: string, value: number): Family => ({
    name,
    help,
    type: "gauge",
    lines: [sample(name, [], value)],
  })
  return [
    {
      name: "process_cpu_seconds_total",
      help: "User and system CPU time spent.",
      type: "counter",
      lines: [sample("process_cpu_seconds_total", [], (user + system) / 1e6)],
    },
    gauge("process_resident_memory_bytes", "Resident memory size.", process.memoryUsage.rss()),
    gauge(
      "process_start_time_seconds",
      "Start time of the process since the Unix epoch.",
      Math.round(started * 1000) / 1000,
    ),
  ]
}
