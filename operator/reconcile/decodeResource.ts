import { Effect, ParseResult, Schema } from "effect"
import { ClusterConnect } from "../../crds/ClusterConnect.ts"
import { conditionReason as reason } from "../../crds/conditions.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { Hindered } from "./Hindered.ts"

const decode = Schema.decodeUnknown(ClusterConnect)

/** The resource with its defaults. What the definition lets in and this operator cannot read was written for another version. */
export const decodeResource = (resource: KubernetesObject): Effect.Effect<ClusterConnect, Hindered> =>
  decode(resource).pipe(
    Effect.mapError((error) => {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
      const message = `${issue?.path.map(String).join(".")}: ${issue?.message}; apply the definition and the operator of one version`
      return new Hindered({ reason: reason.crdOutdated, message })
    }),
  )
