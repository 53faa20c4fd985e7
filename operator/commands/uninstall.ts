import { Command, Options } from "@effect/cli"
import { Data, Effect, Layer, Option, Schedule } from "effect"
import { apiVersion, kind } from "../../crds/ClusterConnect.ts"
import { defaultsTo, described } from "../../platform/commandLine.ts"
import { logLayer } from "../../platform/logs.ts"
import { ApiServer } from "../kubernetes/ApiServer.ts"
import { Kubernetes, type KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { kubernetesLayer } from "../kubernetes/kubernetesLayer.ts"
import { withoutFinalizer } from "../reconcile/finalizer.ts"

/** A running operator needs at most 30 s for each, all at once; what is left then has no operator any more. */
const defaultWaitSeconds = 60
const LOOK_MILLIS = 1_000

/** Resources are left that somebody else holds. */
class ResourcesLeft extends Data.TaggedError("ResourcesLeft")<{ readonly names: readonly string[] }> {
  override get message(): string {
    return `still there, because somebody else's finalizer holds them: ${this.names.join(", ")}`
  }
}

const options = {
  kubeconfig: Options.file("kubeconfig").pipe(
    Options.withPseudoName("PATH"),
    Options.withDescription("Kubeconfig of the API server; without it the pod's service account."),
    Options.optional,
  ),
  wait: Options.integer("wait").pipe(
    Options.withPseudoName("SECONDS"),
    Options.withDescription("How long to wait for the running operator to deregister the clusters."),
    defaultsTo(defaultWaitSeconds),
  ),
}

/** Deletes all resources, waits for the operator to let them go, and lets go itself what no operator does. */
export const uninstall = Command.make("uninstall", options, ({ kubeconfig, wait }) =>
  removeAll(wait * 1000).pipe(
    Effect.provide(Layer.provideMerge(kubernetesLayer, ApiServer.layer(Option.getOrUndefined(kubeconfig)))),
    Effect.provide(logLayer({ program: "operator" })),
  ),
).pipe(
  Command.withDescription(
    described(
      "Delete every ClusterConnect resource, with or without a running operator, so that the definition can be removed.",
      {
        examples: [
          [
            "clusterconnect-operator uninstall --kubeconfig admin.yaml --wait 30",
            "What no operator has deregistered in 30 s is let go.",
          ],
        ],
      },
    ),
  ),
)

/** Done when there is no resource left; nothing to do is success. */
const removeAll = (waitMillis: number) =>
  Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    // Without the definition there are no resources.
    const all = kubernetes.list({ apiVersion, kind }).pipe(
      Effect.catchIf(
        ({ reason }) => reason === "NotFound",
        () => Effect.succeed([] as KubernetesObject[]),
      ),
    )
    const found = yield* all
    yield* Effect.forEach(
      found,
      ({ metadata }) =>
        kubernetes
          .remove({ apiVersion, kind, name: metadata.name }, metadata.uid)
          .pipe(Effect.zipRight(Effect.logInfo(`deleted ${metadata.name}`))),
      { discard: true },
    )
    const gone = yield* all.pipe(
      Effect.repeat({ until: (left) => left.length === 0, schedule: Schedule.spaced(LOOK_MILLIS) }),
      Effect.timeoutOption(waitMillis),
    )
    if (Option.isSome(gone)) return
    yield* Effect.forEach(
      yield* all,
      (resource) =>
        Effect.logWarning(
          `${resource.metadata.name}: no operator deregisters it; its registration stays at the relay until it is removed there`,
        ).pipe(Effect.zipRight(withoutFinalizer(resource))),
      { discard: true },
    )
    const left = yield* all
    if (left.length > 0) return yield* new ResourcesLeft({ names: left.map(({ metadata }) => metadata.name) })
  })
