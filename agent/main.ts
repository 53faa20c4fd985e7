#!/usr/bin/env bun
import { Command, ValidationError } from "@effect/cli"
import { BunContext, BunRuntime } from "@effect/platform-bun"
import { Cause, Console, Effect, Exit } from "effect"
import { makeLog } from "../platform/logs.ts"
import { checkRuntime, version } from "../platform/version.ts"
import { authProxy } from "./authproxy/command.ts"
import { init } from "./init/command.ts"
import { tunnel } from "./tunnel/command.ts"

checkRuntime()

const printVersion = Command.make("version", {}, () => Console.log(version)).pipe(
  Command.withDescription("Print the program's version."),
)

const agent = Command.make("clusterconnect-agent").pipe(
  Command.withDescription("The cluster's side of ClusterConnect. It only dials out."),
  Command.withSubcommands([tunnel, authProxy, init, printVersion]),
)

const usageExitCode = 2

Command.run(agent, { name: "clusterconnect-agent", version })(process.argv).pipe(
  Effect.tapErrorCause((cause) =>
    // What is wrong with the command line was printed with its help already.
    Cause.squash(cause) instanceof Error && !Cause.isInterruptedOnly(cause)
      ? Effect.sync(() => makeLog({ program: "agent" }).error((Cause.squash(cause) as Error).message))
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
