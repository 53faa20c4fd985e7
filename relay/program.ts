import { Command } from "@effect/cli"
import { described, printVersion } from "../platform/commandLine.ts"
import { caller } from "./commands/caller.ts"
import { clusterCommand } from "./commands/cluster.ts"
import { serve } from "./commands/serve.ts"
import { token } from "./commands/token.ts"

/** The command line of `clusterconnect-relay`. */
export const program = Command.make("clusterconnect-relay").pipe(
  Command.withDescription(
    described("The service between clusters and users. It pairs their streams and can read none of them.", {
      examples: [
        ["clusterconnect-relay serve --config /etc/clusterconnect/relay.yaml", "Run it."],
        [
          "clusterconnect-relay token create edge-1 --config /etc/clusterconnect/relay.yaml",
          "Let a first cluster join, on the relay's host.",
        ],
      ],
    }),
  ),
  Command.withSubcommands([serve, token, clusterCommand, caller, printVersion]),
)
