import { printable } from "../printable.ts"
import type { PathState } from "./controlMessages.ts"
import type { Running } from "./runningProxies.ts"

const headings = ["CLUSTER", "CONTEXT", "PORT", "PID", "SINCE", "STATE", "RELAY", "KUBECONFIG"] as const

/** A table for a person, a line for each cluster that is served; below it, what is broken. */
export const statusLines = (running: readonly Running[]): readonly string[] => {
  const rows = running.flatMap(({ place, status }) => {
    if (status === undefined) return [["-", "-", "-", `${place.pid}`, "-", "does not answer", "-", "-"]]
    const { pid, startedAt, relay, kubeconfig = "-", background, phase } = status
    const mode = background ? "" : " (foreground)"
    const rest = [`${pid}${mode}`, startedAt.replace(/\.\d+/, "")]
    if (status.clusters.length === 0) return [["-", "-", "-", ...rest, phase, relay, kubeconfig]]
    return status.clusters.map(({ cluster, context, port, path }) => [
      ...[cluster, context, `${port}`, ...rest],
      ...[phase === "serving" ? path.state : phase, relay, kubeconfig],
    ])
  })
  return [...table([headings, ...rows]), ...running.flatMap(faults)]
}

const faults = ({ place, status }: Running): readonly string[] => {
  if (status === undefined)
    return [
      `The proxy with pid ${place.pid} does not answer at ${place.file}: look at it, and end it by hand if it hangs.`,
    ]
  return status.clusters.flatMap(({ cluster, path }) => fault(cluster, path))
}

const fault = (cluster: string, path: PathState): readonly string[] =>
  path.state === "unreachable"
    ? [`${cluster}: not reachable since ${path.since}, ${path.hop}: ${printable(path.message)} (${path.cause})`]
    : []

const table = (rows: readonly (readonly string[])[]): readonly string[] => {
  const cells = rows.map((row) => row.map((cell) => printable(cell)))
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  )
}
