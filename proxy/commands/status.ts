import { Args, Command } from "@effect/cli"
import { Effect } from "effect"
import { described } from "../../platform/commandLine.ts"
import { runningFolder } from "../control/controlPlace.ts"
import { runningProxies } from "../control/runningProxies.ts"
import { statusLines } from "../control/statusLines.ts"
import { LocalFailure } from "../failures.ts"
import { printableJson } from "../printable.ts"
import { attempt, optionalText, outputOption, places, relayOf, writeOut } from "./originOptions.ts"

const options = {
  clusters: Args.text({ name: "CLUSTER" }).pipe(
    Args.withDescription("Only proxies of these; each must be served. Default: all proxies."),
    Args.repeated,
  ),
  relay: optionalText("relay", "URL", "Only proxies of this relay."),
  output: outputOption(),
} as const

/** `clusterconnect status [CLUSTER…]`: the proxies of this user that run. Ends with 1 when none does, or none for a named cluster. */
export const status = Command.make("status", options, ({ clusters, relay, output }) =>
  attempt(async () => {
    const wanted = relayOf(relay)
    const every = await runningProxies(runningFolder(places()))
    const all = wanted === undefined ? every : every.filter((one) => one.status?.relay === wanted)
    const serves = (cluster: string) => all.filter((one) => one.status?.clusters.some((it) => it.cluster === cluster))
    const running = clusters.length === 0 ? all : all.filter((one) => clusters.some((it) => serves(it).includes(one)))
    if (output === "json") {
      const proxies = running.map((one) => one.status ?? { pid: one.place.pid, phase: "silent" })
      await writeOut(`${printableJson({ proxies }, 2)}\n`)
    } else if (running.length > 0) await writeOut(`${statusLines(running).join("\n")}\n`)
    const missing = clusters.filter((cluster) => serves(cluster).length === 0)
    if (missing.length > 0) throw new LocalFailure({ detail: `no proxy serves ${missing.join(", ")}` })
    if (running.length === 0) throw new LocalFailure({ detail: "no proxy runs" })
  }).pipe(Effect.asVoid),
).pipe(
  Command.withDescription(
    described("Show the proxies of yours that run, in whichever terminal or in the background.", {
      examples: [
        ["clusterconnect status", "All of them, with their ports and how each cluster can be reached."],
        [
          "clusterconnect status edge-1 --output json",
          "Those that serve edge-1, for a script; exit code 1 when none does.",
        ],
      ],
    }),
  ),
)
