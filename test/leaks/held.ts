import { readdirSync } from "node:fs"
import { residentBytes } from "../bench/path/processes.ts"
import { listening, type Program } from "../world/Program.ts"

/** What each program says of its own memory of things: sizes of maps and sets, as gauges on its health port. */
const gauges: Readonly<Record<string, readonly string[]>> = {
  relay: ["connections", "carriers", "openings", "control_sessions", "held_bytes"].map(
    (name) => `clusterconnect_relay_${name}`,
  ),
  agent: ["carriers", "control_sessions"].map((name) => `clusterconnect_agent_${name}`),
  "auth proxy": ["streams", "requests_in_flight", "upgraded_sessions", "api_server_connections"].map(
    (name) => `clusterconnect_auth_proxy_${name}`,
  ),
}

const metricsOf = async (program: Program): Promise<string> => {
  const { host, port } = await listening(program, "health")
  const answer = await fetch(`http://${host}:${port}/metrics`)
  return await answer.text()
}

const sumOf = (metrics: string, name: string): number =>
  metrics
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0)

/** What a program holds now: open files, resident memory in bytes, and its gauges. */
export const heldBy = async (name: string, program: Program): Promise<Readonly<Record<string, number>>> => {
  const wanted = gauges[name] ?? []
  const metrics = wanted.length === 0 ? "" : await metricsOf(program)
  return {
    files: readdirSync(`/proc/${program.pid}/fd`).length,
    resident: residentBytes(program.pid),
    ...Object.fromEntries(
      wanted.map((metric) => [metric.replace(/^clusterconnect_(relay|agent|auth_proxy)_/, ""), sumOf(metrics, metric)]),
    ),
  }
}

/** Streams that have ended at the auth proxy since it began. */
export const streamsEnded = async (authProxy: Program): Promise<number> =>
  sumOf(await metricsOf(authProxy), "clusterconnect_auth_proxy_stream_ends_total")

/** Streams that it still knows as not ended. */
export const streamsOpen = async (authProxy: Program): Promise<number> =>
  sumOf(await metricsOf(authProxy), "clusterconnect_auth_proxy_streams")
