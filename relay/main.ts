#!/usr/bin/env bun
import { Command, ValidationError } from "@effect/cli"
import { BunContext, BunRuntime } from "@effect/platform-bun"
import { Cause, Console, Effect, Exit } from "effect"
import { makeLog } from "../platform/logs.ts"
import { checkRuntime, version } from "../platform/version.ts"
import { caller } from "./commands/caller.ts"
import { clusterCommand } from "./commands/cluster.ts"
import { serve } from "./commands/serve.ts"
import { token } from "./commands/token.ts"

checkRuntime()

const printVersion = Command.make("version", {}, () => Console.log(version)).pipe(
  Command.withDescription("Print the program's version."),
)

const relay = Command.make("clusterconnect-relay").pipe(
  Command.withDescription("The service between clusters and users. It pairs their streams and can read none of them."),
  Command.withSubcommands([serve, token, clusterCommand, caller, printVersion]),
)

const usageExitCode = 2

Command.run(relay, { name: "clusterconnect-relay", version })(process.argv).pipe(
  Effect.tapErrorCause((cause) =>
    // What is wrong with the command line was printed with its help already.
    Cause.squash(cause) instanceof Error && !Cause.isInterruptedOnly(cause)
      ? Effect.sync(() => makeLog({ program: "relay" }).error((Cause.squash(cause) as Error).message))
      : Effect.void,
  ),
  Effect.provide(BunContext.layer),
  BunRuntime.runMain({
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, onExit) =>
      onExit(
        Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)
          ? 0
          : ValidationError.isValidationError(Cause.squash(exit.cause))
            ? usageExitCode
            : 1,
      ),
  }),
)
