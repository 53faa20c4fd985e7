import { Effect } from "effect"
import { type ClusterConnect, kind } from "../../crds/ClusterConnect.ts"
import type { ClusterConnectSpec } from "../../crds/ClusterConnectSpec.ts"
import { conditionReason as reason } from "../../crds/conditions.ts"
import { OutboundInvalid, type Route, trustedRoots } from "../../platform/outbound.ts"
import { type HttpProxy, httpProxyFrom } from "../children/httpProxy.ts"
import { Kubernetes, type KubernetesFailure, type KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { Hindered } from "./Hindered.ts"

/** Names one value of a Secret in the operator's namespace. */
export interface SecretReference {
  readonly name: string
  readonly key: string
}

/** Types of the cluster's own: keys, tokens, registries. */
const ownTypes = "kubernetes.io/"

/** Why a Secret is not for a spec to name: its value would go to whatever relay or proxy the spec names too. */
const unnameable = ({ type, metadata }: KubernetesObject): string | undefined => {
  const owners = (metadata.ownerReferences ?? []) as readonly { readonly kind?: string }[]
  if (owners.some((owner) => owner.kind === kind)) return `belongs to a ${kind}`
  return String(type ?? "").startsWith(ownTypes) ? `is of the type ${type}` : undefined
}

const missing = (message: string) => new Hindered({ reason: reason.secretMissing, message })

/** The value that a reference of the spec names, as it is. `field` is the reference's path, for the message. */
export const secretValue = (
  namespace: string,
  field: string,
  { name, key }: SecretReference,
): Effect.Effect<string, Hindered | KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    const secret = yield* kubernetes.get({ apiVersion: "v1", kind: "Secret", namespace, name })
    if (secret === undefined)
      return yield* missing(`Secret ${namespace}/${name}, named by ${field}, does not exist: create it`)
    const why = unnameable(secret)
    if (why !== undefined)
      return yield* new Hindered({
        reason: reason.childRefused,
        message: `Secret ${namespace}/${name}, named by ${field}, ${why} and is not sent anywhere: put the value into a Secret of its own`,
      })
    const encoded = (secret.data as Readonly<Record<string, string>> | undefined)?.[key]
    const value = Buffer.from(encoded ?? "", "base64").toString("utf8")
    if (value.trim() === "")
      return yield* missing(`Secret ${namespace}/${name}, named by ${field}, has nothing under the key ${key}: set it`)
    return value
  })

/** How the operator itself reaches the relay: as its agent does. */
export const routeOf = (
  { relay }: ClusterConnectSpec,
  httpProxy: HttpProxy | undefined,
): Effect.Effect<Route, Hindered> =>
  Effect.try({
    try: (): Route => ({
      proxy: { httpsProxy: httpProxy?.url, noProxy: relay.noProxy?.join(",") },
      ca: trustedRoots({ pem: relay.caBundle === undefined ? [] : [relay.caBundle] }),
    }),
    catch: (error) => {
      if (!(error instanceof OutboundInvalid)) throw error
      return new Hindered({ reason: reason.childRefused, message: `spec.relay.caBundle: ${error.detail}` })
    },
  })

/** The HTTP proxy that the spec names; undefined when it names none. */
export const httpProxyOf = (
  namespace: string,
  { spec }: Pick<ClusterConnect, "spec">,
): Effect.Effect<HttpProxy | undefined, Hindered | KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    const ref = spec.relay.httpProxySecretRef
    if (ref === undefined) return undefined
    const text = yield* secretValue(namespace, "spec.relay.httpProxySecretRef", ref)
    return yield* httpProxyFrom(text).pipe(
      Effect.mapError(
        ({ message }) =>
          new Hindered({
            reason: reason.childRefused,
            message: `Secret ${namespace}/${ref.name}, key ${ref.key}: ${message}`,
          }),
      ),
    )
  })
