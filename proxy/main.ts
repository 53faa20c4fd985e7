#!/usr/bin/env bun
import { Command, ValidationError } from "@effect/cli"
import { BunContext, BunRuntime } from "@effect/platform-bun"
import { Cause, Effect, Exit, Option } from "effect"
import { checkRuntime, version as programVersion } from "../platform/version.ts"
import { proxy } from "./commands/proxy.ts"
import { version } from "./commands/version.ts"
import { exitCode, exitCodeOf } from "./exitCodes.ts"

checkRuntime()

const clusterconnect = Command.make("clusterconnect").pipe(
  Command.withDescription("Reach the API servers of clusters that have no inbound port, as yourself."),
  Command.withSubcommands([proxy, version]),
)

const run = Command.run(clusterconnect, { name: "clusterconnect", version: programVersion })

run(process.argv).pipe(
  Effect.tapErrorCause((cause) =>
    Effect.sync(() => {
      const failure = Option.getOrUndefined(Cause.failureOption(cause))
      // The parser has said already what it did not understand.
      if (ValidationError.isValidationError(failure)) return
      const text = failure instanceof Error ? failure.message : Cause.pretty(cause)
      if (!Cause.isInterruptedOnly(cause)) process.stderr.write(`clusterconnect: ${text}\n`)
    }),
  ),
  Effect.provide(BunContext.layer),
  BunRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) =>
      onExit(
        Exit.match(exit, {
          onSuccess: () => exitCode.success,
          onFailure: (cause) =>
            Cause.isInterruptedOnly(cause)
              ? exitCode.success
              : exitCodeOf(Option.getOrUndefined(Cause.failureOption(cause))),
        }),
      ),
  }),
)
