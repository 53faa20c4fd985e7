import { readdirSync } from "node:fs"
import { join } from "node:path"
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

const healthOf = async (program: Program, path: string): Promise<string> => {
  const { host, port } = await listening(program, "health")
  const answer = await fetch(`http://${host}:${port}${path}`)
  return await answer.text()
}

const sumOf = (metrics: string, name: string): number =>
  metrics
    .split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0)

/** Environment with which a program answers SIGUSR2 by what its heap holds. */
export const probed = { BUN_OPTIONS: `--preload=${join(import.meta.dir, "heapProbe.ts")}` }

const heapOf = async (program: Program): Promise<Readonly<Record<string, number>>> => {
  const earlier = program.log.filter((text) => text.includes('"message":"heap"')).length
  process.kill(program.pid, "SIGUSR2")
  return await program.until("what its heap holds", ({ message, look, held }) =>
    message === "heap" && look === earlier + 1 ? (held as Record<string, number>) : undefined,
  )
}

/** What a program holds now, after a collection: open files, objects and bytes on its heap, resident memory in bytes, and its gauges. */
export const heldBy = async (name: string, program: Program): Promise<Readonly<Record<string, number>>> => {
  const wanted = gauges[name] ?? []
  const heap = await heapOf(program)
  const metrics = wanted.length === 0 ? "" : await healthOf(program, "/metrics")
  return {
    ...heap,
    files: readdirSync(`/proc/${program.pid}/fd`).length,
    ...Object.fromEntries(
      wanted.map((metric) => [metric.replace(/^clusterconnect_(relay|agent|auth_proxy)_/, ""), sumOf(metrics, metric)]),
    ),
  }
}

/** Streams that have ended at the auth proxy since it began. */
export const streamsEnded = async (authProxy: Program): Promise<number> =>
  sumOf(await healthOf(authProxy, "/metrics"), "clusterconnect_auth_proxy_stream_ends_total")

/** Streams that it knows: those that have not ended, and tombstones of those that have. */
export const streamsKnown = async (
  authProxy: Program,
): Promise<{ readonly streams: number; readonly tombstones: number }> => {
  const { streams } = JSON.parse(await healthOf(authProxy, "/status"))
  return streams
}
