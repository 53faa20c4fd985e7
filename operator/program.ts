import { Command } from "@effect/cli"
import { printVersion } from "../platform/commandLine.ts"
import { run } from "./commands/run.ts"
import { uninstall } from "./commands/uninstall.ts"

/** The command line of `clusterconnect-operator`. */
export const program = Command.make("clusterconnect-operator").pipe(
  Command.withDescription("Makes each ClusterConnect resource of its cluster a cluster that can be reached."),
  Command.withSubcommands([run, uninstall, printVersion]),
)
