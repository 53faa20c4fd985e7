import { Command } from "@effect/cli"
import { Effect, Option } from "effect"
import { described } from "../../platform/commandLine.ts"
import { makeLog } from "../../platform/logs.ts"
import { announce, type Surroundings } from "../announce.ts"
import { backgroundLog, startBackground } from "../background/startBackground.ts"
import { tokensReadOnce } from "../background/tokensReadOnce.ts"
import { reportingEnd, reportTo, unreported } from "../events/report.ts"
import { clientFailureOf, UsageWrong } from "../failures.ts"
import { serveClusters } from "../serveClusters.ts"
import type { ProxySettings } from "../settings/ProxySettings.ts"
import { tellOfUpdate } from "../update/tellOfUpdate.ts"
import { attempt, places } from "./originOptions.ts"
import { proxyOptions } from "./proxyOptions.ts"
import { type GivenFlags, givenFlags, settingsOf } from "./settingsFrom.ts"

/** `clusterconnect proxy CLUSTER…`: serves until it is interrupted; with `--background` in a process of its own. */
export const proxy = Command.make("proxy", proxyOptions, (options) => {
  const report = options.output === "json" ? reportTo(process.stdout) : undefined
  return Effect.gen(function* () {
    if (report !== undefined && Option.contains(options.file, "-"))
      return yield* new UsageWrong({ detail: "--output json and --file -: standard output is for one of them" })
    const { logLevel, logFormat } = options
    const log = makeLog({ program: "proxy", level: logLevel, format: logFormat })
    const surroundings = { log, json: logFormat === "json", report }
    const flags = givenFlags(options)
    const settings = yield* settingsOf(flags)
    if (Option.isSome(options.token))
      log.warn("--token can be read by everybody on this machine in the list of processes: prefer --token-file")
    if (process.stderr.isTTY && logFormat !== "json") yield* Effect.forkScoped(tellOfUpdate(settings))
    if (options.background) yield* inBackground(flags, settings, logLevel, surroundings)
    else yield* serveClusters(settings, surroundings).pipe(Effect.mapError(clientFailureOf))
  }).pipe(Effect.scoped, reportingEnd(report ?? unreported))
}).pipe(
  Command.withDescription(
    described("Serve clusters on this machine and write a kubeconfig for them.", {
      examples: [
        [
          "clusterconnect proxy edge-1",
          "Serve one cluster; the kubeconfig is a file of its own, named when it is ready.",
        ],
        [
          "clusterconnect proxy edge-1 edge-2 --merge",
          "Serve two, as contexts of the kubeconfig that kubectl uses anyway.",
        ],
        [
          "clusterconnect proxy edge-1 --file - --kube-context prod",
          "Print the kubeconfig, with a context of another name.",
        ],
        [
          "clusterconnect proxy edge-1 --background",
          "Serve one in a process of its own, until `clusterconnect stop edge-1`.",
        ],
        [
          "clusterconnect proxy edge-1 --output json",
          "Say on standard output, in JSON, when it is ready and what happens to it.",
        ],
        [
          "clusterconnect proxy edge-1 --relay https://relay.example.com --token-file edge-1.token --relay-token-file relay.token --pin sha256:…",
          "Bring the tokens and the cluster's identity: nothing is asked, nothing has to be remembered.",
        ],
      ],
    }),
  ),
)

const inBackground = (
  flags: GivenFlags,
  { relay }: ProxySettings,
  level: "debug" | "info" | "warn" | "error",
  surroundings: Surroundings,
) =>
  Effect.gen(function* () {
    const log = { path: backgroundLog(places(), relay, flags.clusters), level }
    const tokensRead = yield* attempt(() => tokensReadOnce(flags, process.env))
    const ready = yield* startBackground({ flags, tokensRead, log }, (text) => process.stdout.write(text))
    const { served, kubeconfig, pid } = ready
    announce(served, { kubeconfig, relay, background: { pid, log: log.path } }, surroundings)
  })
