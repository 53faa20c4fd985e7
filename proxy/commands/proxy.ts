import { Command } from "@effect/cli"
import { Effect, Option } from "effect"
import { makeLog } from "../../platform/logs.ts"
import {
  type ClientFailure,
  isPathFailure,
  LocalFailure,
  localFailureOf,
  pathFailureOf,
  UsageWrong,
} from "../failures.ts"
import { serveClusters } from "../serveClusters.ts"
import { proxySettings } from "../settings/ProxySettings.ts"
import { proxyOptions } from "./proxyOptions.ts"

/** `clusterconnect proxy CLUSTER…`: serves until it is interrupted. */
export const proxy = Command.make("proxy", proxyOptions, (options) =>
  Effect.gen(function* () {
    const log = makeLog({ program: "proxy", level: options.logLevel, format: options.logFormat })
    const settings = yield* Effect.try({
      try: () =>
        proxySettings(
          {
            clusters: options.clusters,
            relay: Option.getOrUndefined(options.relay),
            token: Option.getOrUndefined(options.token),
            tokenFile: Option.getOrUndefined(options.tokenFile),
            relayTokenFile: Option.getOrUndefined(options.relayTokenFile),
            relayAudience: Option.getOrUndefined(options.relayAudience),
            audience: Option.getOrUndefined(options.audience),
            singleAudience: options.singleAudience,
            port: Option.getOrUndefined(options.port),
            file: Option.getOrUndefined(options.file),
            kubeContext: Option.getOrUndefined(options.kubeContext),
            pin: Option.getOrUndefined(options.pin),
            acceptNewPin: options.acceptNewPin,
            caFile: Option.getOrUndefined(options.caFile),
          },
          process.env,
        ),
      catch: clientFailure,
    })
    if (Option.isSome(options.token))
      log.warn("--token can be read by everybody on this machine in the list of processes: prefer --token-file")
    yield* serveClusters(settings, { log, json: options.logFormat === "json" }).pipe(Effect.mapError(clientFailure))
  }).pipe(Effect.scoped),
).pipe(Command.withDescription("Serve clusters on this machine and write a kubeconfig for them."))

const clientFailure = (error: unknown): ClientFailure =>
  error instanceof UsageWrong || error instanceof LocalFailure || isPathFailure(error)
    ? error
    : (localFailureOf(error) ?? pathFailureOf(error))
