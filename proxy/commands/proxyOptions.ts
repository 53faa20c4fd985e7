import { Args, Options } from "@effect/cli"
import { defaultsTo } from "../../platform/commandLine.ts"
import { type Level, levels } from "../../platform/logs.ts"
import { preferredPort } from "../endpoint/listenOn.ts"
import { longestHoldSeconds } from "../settings/ProxySettings.ts"
import { clusterAudienceOption, optionalText, originOptions, outputOption } from "./originOptions.ts"

export const logLevelOption = (standard: Level) =>
  Options.choice("log-level", levels).pipe(
    Options.withDescription("Least severe messages that are written."),
    defaultsTo(standard),
  )

/** Flags of every command that serves clusters. */
export const servingOptions = {
  ...originOptions,
  token: optionalText(
    "token",
    "[CLUSTER=]TOKEN,…",
    "Your token for the cluster. Everybody on this machine can read it in the list of processes: prefer --token-file.",
  ),
  tokenFile: optionalText(
    "token-file",
    "[CLUSTER=]PATH,…",
    "File with your token for the cluster; read again when it changes. Variables: CLUSTERCONNECT_TOKEN_FILE, CLUSTERCONNECT_TOKEN.",
  ),
  relayTokenFile: optionalText(
    "relay-token-file",
    "PATH",
    "File with your token for the relay; read again when it changes. Variables: CLUSTERCONNECT_RELAY_TOKEN_FILE, CLUSTERCONNECT_RELAY_TOKEN.",
  ),
  relayAudience: optionalText(
    "relay-audience",
    "AUDIENCE",
    "Audience of relay tokens. Default: clusterconnect:<relay host>, with the port unless it is 443.",
  ),
  audience: clusterAudienceOption,
  singleAudience: Options.boolean("single-audience").pipe(
    Options.withDescription("One token for relay and cluster. The relay could then act as you in the cluster."),
  ),
  pin: optionalText("pin", "[CLUSTER=]sha256:…,…", "The cluster's identity. Variable: CLUSTERCONNECT_PIN."),
  acceptNewPin: Options.boolean("accept-new-pin").pipe(
    Options.withDescription("Believe the relay this one time about the identity of a cluster that is not known yet."),
  ),
  hold: Options.integer("hold").pipe(
    Options.withPseudoName("SECONDS"),
    Options.withDescription(
      `How long a session without a path is kept, 1 to ${longestHoldSeconds}. Default: ${longestHoldSeconds}.`,
    ),
    Options.optional,
  ),
  output: outputOption(
    "What is told of the clusters: text for a person, or events for a program (docs/events.md), on standard output; those of `run` on standard error.",
  ),
  logFormat: Options.choice("log-format", ["text", "json"]).pipe(
    Options.withDescription("Form of the messages on standard error: for a person, or a JSON object a line."),
    defaultsTo("text"),
  ),
  logLevel: logLevelOption("info"),
} as const

/** Flags and arguments of `clusterconnect proxy`. */
export const proxyOptions = {
  clusters: Args.text({ name: "CLUSTER" }).pipe(
    Args.withDescription("Name of a cluster as its relay knows it."),
    Args.atLeast(1),
  ),
  ...servingOptions,
  background: Options.boolean("background").pipe(
    Options.withDescription(
      "Serve in a process of its own, which stays when this command, its shell and its terminal end; return when it serves. See `clusterconnect status` and `stop`.",
    ),
  ),
  port: Options.integer("port").pipe(
    Options.withPseudoName("PORT"),
    Options.withDescription(
      `Local port; with several clusters the first of as many. Default: ${preferredPort} if free, else a free one.`,
    ),
    Options.optional,
  ),
  file: optionalText(
    "file",
    "PATH",
    "Where to write the kubeconfig; - for standard output. Default: a file of its own.",
  ),
  merge: Options.boolean("merge").pipe(
    Options.withDescription(
      "Add the contexts to the kubeconfig that kubectl uses ($KUBECONFIG, else ~/.kube/config), or to --file; they go again at the end.",
    ),
  ),
  overwriteExisting: Options.boolean("overwrite-existing").pipe(
    Options.withDescription("With --merge: replace entries of the same names that are not ours, without asking."),
  ),
  kubeContext: optionalText(
    "kube-context",
    "NAME",
    "Name of the context in the kubeconfig. Default: the cluster's name.",
  ),
} as const
