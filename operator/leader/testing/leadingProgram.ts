/** A program: `bun leadingProgram.ts KUBECONFIG NAMESPACE IDENTITY`: while it leads it writes its name into a ConfigMap, without a pause. */
import { BunRuntime } from "@effect/platform-bun"
import { Effect, Layer } from "effect"
import { ApiServer } from "../../kubernetes/ApiServer.ts"
import { Kubernetes } from "../../kubernetes/Kubernetes.ts"
import { kubernetesLayer } from "../../kubernetes/kubernetesLayer.ts"
import { lead } from "../lead.ts"

const [kubeconfig = "", namespace = "", identity = ""] = process.argv.slice(2)
let count = 0
const write = Effect.flatMap(Kubernetes, ({ apply }) => {
  count += 1
  return apply({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "written", namespace },
    data: { by: identity, count: String(count) },
  })
}).pipe(Effect.ignore)

BunRuntime.runMain(
  lead(
    { namespace, identity, timing: { leaseMillis: 6_000, renewMillis: 4_000, retryMillis: 300 } },
    Effect.forever(write),
  ).pipe(Effect.provide(kubernetesLayer.pipe(Layer.provide(ApiServer.layer(kubeconfig))))),
)
