import { Args, Options } from "@effect/cli"

const optionalText = (name: string, description: string) =>
  Options.text(name).pipe(Options.withDescription(description), Options.optional)

/** Flags and arguments of `clusterconnect proxy`. */
export const proxyOptions = {
  clusters: Args.text({ name: "CLUSTER" }).pipe(
    Args.withDescription("Name of a cluster as its relay knows it."),
    Args.atLeast(1),
  ),
  relay: optionalText("relay", "The relay, https://HOST[:PORT]. Variable: CLUSTERCONNECT_RELAY."),
  token: optionalText(
    "token",
    "Your token for the cluster, [CLUSTER=]TOKEN. Everybody on this machine can read it in the list of processes: prefer --token-file.",
  ),
  tokenFile: optionalText(
    "token-file",
    "File with your token for the cluster, [CLUSTER=]PATH,…; read again when it changes. Variables: CLUSTERCONNECT_TOKEN_FILE, CLUSTERCONNECT_TOKEN.",
  ),
  relayTokenFile: optionalText(
    "relay-token-file",
    "File with your token for the relay; read again when it changes. Variables: CLUSTERCONNECT_RELAY_TOKEN_FILE, CLUSTERCONNECT_RELAY_TOKEN.",
  ),
  relayAudience: optionalText("relay-audience", "Audience of relay tokens, if not clusterconnect:<relay host>."),
  audience: optionalText(
    "audience",
    "Audience of the cluster's tokens, if you know it: then the token is checked for it.",
  ),
  singleAudience: Options.boolean("single-audience").pipe(
    Options.withDescription("One token for relay and cluster. The relay could then act as you in the cluster."),
  ),
  port: Options.integer("port").pipe(
    Options.withDescription(
      "Local port; with several clusters the first of as many. Default: 47011 if free, else a free one.",
    ),
    Options.optional,
  ),
  file: optionalText("file", "Where to write the kubeconfig; - for standard output. Default: a file of its own."),
  kubeContext: optionalText("kube-context", "Name of the context in the kubeconfig. Default: the cluster's name."),
  pin: optionalText("pin", "The cluster's identity, [CLUSTER=]sha256:…,…. Variable: CLUSTERCONNECT_PIN."),
  acceptNewPin: Options.boolean("accept-new-pin").pipe(
    Options.withDescription("Believe the relay this one time about the identity of a cluster that is not known yet."),
  ),
  caFile: optionalText("ca-file", "PEM certificates of authorities to trust for the relay, beside the system's."),
  logFormat: Options.choice("log-format", ["text", "json"]).pipe(Options.withDefault("text" as const)),
  logLevel: Options.choice("log-level", ["debug", "info", "warn", "error"]).pipe(Options.withDefault("info" as const)),
} as const
