import { Command, Options } from "@effect/cli"
import { Effect, Layer, Option } from "effect"
import { defaultsTo, described } from "../../platform/commandLine.ts"
import { HealthServer } from "../../platform/HealthServer.ts"
import { levels, logLayer } from "../../platform/logs.ts"
import { control } from "../controller/control.ts"
import { ApiServer } from "../kubernetes/ApiServer.ts"
import { kubernetesLayer } from "../kubernetes/kubernetesLayer.ts"
import { lead } from "../leader/lead.ts"
import { leading } from "../metrics.ts"
import { operatorSettings } from "../settings.ts"

const options = {
  kubeconfig: Options.file("kubeconfig").pipe(
    Options.withPseudoName("PATH"),
    Options.withDescription("Kubeconfig of the API server; without it the pod's service account."),
    Options.optional,
  ),
  logLevel: Options.choice("log-level", levels).pipe(
    Options.withDescription("Least severe log lines that are written."),
    defaultsTo("info"),
  ),
}

/** The controller. Waits until it leads, works until SIGTERM, releases the Lease and exits with 0. */
export const run = Command.make("run", options, ({ kubeconfig, logLevel }) => {
  const program = Effect.gen(function* () {
    const settings = yield* operatorSettings(process.env)
    const { namespace, identity } = settings
    const health = HealthServer.layer({
      ...settings.health,
      // One that waits to lead is as ready as the one that leads.
      ready: Effect.succeed([{ name: "running", ok: true }]),
    })
    const work = Effect.acquireUseRelease(
      Effect.sync(() => leading.set(1)),
      () => control(settings),
      () => Effect.sync(() => leading.set(0)),
    )
    yield* Effect.provide(
      Effect.gen(function* () {
        const { host, port } = yield* HealthServer
        yield* Effect.logInfo("listening", { listener: "health", host, port })
        return yield* lead({ namespace, identity }, work)
      }),
      health,
    )
  })
  const server = ApiServer.layer(Option.getOrUndefined(kubeconfig))
  return program.pipe(
    Effect.provide(Layer.provideMerge(kubernetesLayer, server)),
    Effect.provide(logLayer({ program: "operator", level: logLevel })),
  )
}).pipe(
  Command.withDescription(
    described("Reconcile the ClusterConnect resources of this cluster.", {
      examples: [
        [
          "clusterconnect-operator run --kubeconfig admin.yaml",
          "Outside of the cluster, with the variables of its pod; there it needs no option.",
        ],
      ],
    }),
  ),
)
