import { Args, Command, Options } from "@effect/cli"
import { described } from "../../platform/commandLine.ts"
import { runningFolder } from "../control/controlPlace.ts"
import { nameOf, stopProxies } from "../control/stopProxies.ts"
import { UsageWrong } from "../failures.ts"
import { attempt, optionalText, places, relayOf, say } from "./originOptions.ts"

const options = {
  clusters: Args.text({ name: "CLUSTER" }).pipe(
    Args.withDescription("Every proxy that serves one of these ends, with whatever else it serves."),
    Args.repeated,
  ),
  relay: optionalText("relay", "URL", "Only proxies of this relay, where several have a cluster of the name."),
  all: Options.boolean("all").pipe(Options.withDescription("All proxies of yours; none is fine too.")),
} as const

/** `clusterconnect stop CLUSTER… | --all`: ends proxies, in whichever terminal or in the background, and waits until they are gone. */
export const stop = Command.make("stop", options, ({ clusters, relay, all }) =>
  attempt(async () => {
    if (all === clusters.length > 0)
      throw new UsageWrong({
        detail: "stop: which? Name clusters, or give --all (`clusterconnect status` shows what runs)",
      })
    const ended = await stopProxies(runningFolder(places()), all ? "all" : clusters, relayOf(relay))
    for (const one of ended) say(`Ended: ${nameOf(one)}`)
    if (ended.length === 0) say("No proxy runs.")
  }),
).pipe(
  Command.withDescription(
    described("End proxies of yours, and wait until they and their kubeconfig entries are gone.", {
      examples: [
        ["clusterconnect stop edge-1", "The proxy that serves edge-1, with whatever else it serves."],
        ["clusterconnect stop --all", "All of them."],
      ],
    }),
  ),
)
