import { Command, Options } from "@effect/cli"
import { Console, Data, Effect, Option } from "effect"
import { defaultsTo, described, wrongUsage } from "../../platform/commandLine.ts"
import { logLayer } from "../../platform/logs.ts"
import { explanation } from "./explain.ts"
import { InitInvalid, initialise } from "./initialise.ts"
import { rbacManifests } from "./rbac.ts"

/** Whatever kept `init` from its end, in the words of its cause. */
class InitFailed extends Data.TaggedError("InitFailed")<{ readonly message: string }> {}

const options = {
  cluster: Options.text("cluster").pipe(
    Options.withPseudoName("NAME"),
    Options.withDescription("Name of the cluster at the relay."),
    Options.optional,
  ),
  relay: Options.text("relay").pipe(
    Options.withPseudoName("URL"),
    Options.withDescription("URL of the relay: https://host[:port]."),
    Options.optional,
  ),
  dir: Options.text("dir").pipe(
    Options.withPseudoName("PATH"),
    Options.withDescription("Directory for keys, certificates and document; made with mode 0700."),
    Options.optional,
  ),
  joinTokenFile: Options.text("join-token-file").pipe(
    Options.withPseudoName("PATH"),
    Options.withDescription("File with a join token of the relay's administrator; spent after everything is stored."),
    Options.optional,
  ),
  issuer: Options.text("issuer").pipe(
    Options.withPseudoName("URL[=AUDIENCE]"),
    Options.withDescription("Identity provider that callers' tokens come from. Repeatable."),
    Options.repeated,
  ),
  caFile: Options.text("ca-file").pipe(
    Options.withPseudoName("PATH"),
    Options.withDescription("PEM file of further certificate authorities for the relay. Repeatable."),
    Options.repeated,
  ),
  printRbac: Options.boolean("print-rbac").pipe(
    Options.withDescription("Write the auth proxy's RBAC to stdout as YAML, for kubectl apply -f -."),
  ),
  mode: Options.choice("mode", ["Constrained", "Legacy"] as const).pipe(
    Options.withDescription("With --print-rbac: impersonation to bind; Legacy for Kubernetes below 1.36."),
    defaultsTo("Constrained"),
  ),
  profile: Options.choice("profile", ["ReadWrite", "ReadOnly"] as const).pipe(
    Options.withDescription("With --print-rbac: profile to bind."),
    defaultsTo("ReadWrite"),
  ),
  namespace: Options.text("namespace").pipe(
    Options.withPseudoName("NAMESPACE"),
    Options.withDescription("With --print-rbac: namespace of the auth proxy."),
    defaultsTo("clusterconnect"),
  ),
  serviceAccount: Options.text("service-account").pipe(
    Options.withPseudoName("NAME"),
    Options.withDescription("With --print-rbac: service account of the auth proxy."),
    defaultsTo("kube-auth-proxy"),
  ),
}

/** Enrolment where there is no operator. Explains itself on stdout; with `--print-rbac` stdout is YAML and nothing else. */
export const init = Command.make("init", options, (flags) =>
  Effect.gen(function* () {
    const { cluster, relay, dir, joinTokenFile, issuer: issuers, caFile: caFiles, printRbac } = flags
    if (printRbac) yield* Console.log(rbacManifests(flags).trimEnd())
    const names = [cluster, relay, dir]
    if (printRbac && names.every(Option.isNone)) return
    const request = {
      cluster: yield* required("--cluster NAME", cluster),
      relay: yield* required("--relay URL", relay),
      dir: yield* required("--dir PATH", dir),
      joinTokenFile: Option.getOrUndefined(joinTokenFile),
      issuers,
      caFiles,
    }
    const done = yield* Effect.tryPromise({
      try: () => initialise(request, process.env, new Date()),
      catch: (error) =>
        error instanceof InitInvalid
          ? wrongUsage(error.message)
          : new InitFailed({ message: (error as Error).message }),
    })
    yield* (printRbac ? Console.error : Console.log)(explanation(request.dir, done))
  }).pipe(Effect.provide(logLayer({ program: "agent" }))),
).pipe(
  Command.withDescription(
    described("Make a cluster's keys and document, and register it at the relay.", {
      examples: [
        [
          "clusterconnect-agent init --cluster edge-1 --relay https://relay.example.com --dir /var/lib/clusterconnect --join-token-file join.token",
          "Where there is no operator: once, with a join token.",
        ],
        [
          "clusterconnect-agent init --cluster edge-1 --relay https://relay.example.com --dir /var/lib/clusterconnect",
          "Without one: says which public key the relay has to list.",
        ],
        ["clusterconnect-agent init --print-rbac", "What the auth proxy needs in the cluster, as YAML."],
      ],
    }),
  ),
)

const required = (flag: string, value: Option.Option<string>) =>
  Effect.mapError(value, () => wrongUsage(`${flag} is missing`))
