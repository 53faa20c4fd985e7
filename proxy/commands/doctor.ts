import { Args, Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { described } from "../../platform/commandLine.ts"
import { examine, type Latency } from "../doctor/examine.ts"
import { findingLines, findingRecord } from "../doctor/findings.ts"
import { printableJson } from "../printable.ts"
import { relayAccess } from "../relay/relayAccess.ts"
import {
  attempt,
  clusterAudienceOption,
  optionalText,
  originFlags,
  originOptions,
  outputOption,
  places,
  relayTokenOptions,
  writeOut,
} from "./originOptions.ts"

const options = {
  clusters: Args.text({ name: "CLUSTER" }).pipe(
    Args.withDescription("Clusters to examine; without one only the way to the relay is."),
    Args.repeated,
  ),
  ...originOptions,
  ...relayTokenOptions,
  tokenFile: optionalText("token-file", "[CLUSTER=]PATH,…", "File with your token for the cluster."),
  audience: clusterAudienceOption,
  singleAudience: Options.boolean("single-audience").pipe(Options.withDescription("One token for relay and cluster.")),
  pin: optionalText("pin", "[CLUSTER=]sha256:…,…", "The cluster's identity."),
  output: outputOption(),
} as const

/** `clusterconnect doctor`: every hop on the way to a cluster, with what is wrong and what to do. */
export const doctor = Command.make("doctor", options, (given) =>
  attempt(async () => {
    const access = await relayAccess(
      {
        ...originFlags(given),
        clusters: given.clusters,
        tokenFile: Option.getOrUndefined(given.tokenFile),
        relayTokenFile: Option.getOrUndefined(given.relayTokenFile),
        relayAudience: Option.getOrUndefined(given.relayAudience),
        audience: Option.getOrUndefined(given.audience),
        singleAudience: given.singleAudience,
        pin: Option.getOrUndefined(given.pin),
      },
      process.env,
      places(),
    )
    const { findings, latency } = await examine(access)
    const text =
      given.output === "json"
        ? printableJson({ relay: access.settings.relay, checks: findings.map(findingRecord), latencyMillis: latency })
        : [...findingLines(findings), ...latency.map(latencyLine)].join("\n")
    await writeOut(`${text}\n`)
    return findings.find(({ failure }) => failure !== undefined)?.failure
  }).pipe(Effect.flatMap((failure) => (failure === undefined ? Effect.void : Effect.fail(failure)))),
).pipe(
  Command.withDescription(
    described("Examine every hop to a cluster: what is wrong, and what to do.", {
      examples: [
        ["clusterconnect doctor", "The way to the relay, and whether it takes your token."],
        ["clusterconnect doctor edge-1", "Every hop to the cluster's API server, with the latency of each."],
        ["clusterconnect doctor edge-1 --output json", "The same for a program."],
      ],
    }),
  ),
)

const latencyLine = ({ cluster, relay, path, authProxy, apiServer }: Latency): string => {
  const millis = (value: number | undefined) => (value === undefined ? "unknown" : `${value.toFixed(1)} ms`)
  return `latency  ${cluster}: relay ${millis(relay)} with its connection, path ${millis(path)}, auth proxy ${millis(authProxy)}, API server ${millis(apiServer)}`
}
