import { Command } from "@effect/cli"
import { printVersion } from "../platform/commandLine.ts"
import { authProxy } from "./authproxy/command.ts"
import { init } from "./init/command.ts"
import { tunnel } from "./tunnel/command.ts"

/** The command line of `clusterconnect-agent`. */
export const program = Command.make("clusterconnect-agent").pipe(
  Command.withDescription("The cluster's side of ClusterConnect. It only dials out."),
  Command.withSubcommands([tunnel, authProxy, init, printVersion]),
)
