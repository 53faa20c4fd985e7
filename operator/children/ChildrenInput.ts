import type { ClusterConnectSpec } from "../../crds/ClusterConnectSpec.ts"
import type { ImpersonationMode } from "../../identity/impersonationRoles.ts"
import type { CertificateAndKey } from "../../protocol/certificates.ts"
import type { KubernetesObject, ObjectRef } from "../kubernetes/Kubernetes.ts"
import type { HttpProxy } from "./httpProxy.ts"

/** Everything that the children of one ClusterConnect are made of. The same input gives the same children, byte for byte. */
export interface ChildrenInput {
  readonly resource: { readonly name: string; readonly uid: string; readonly spec: ClusterConnectSpec }
  /** The operator's, where all namespaced children live. */
  readonly namespace: string
  /** `repository[:tag][@digest]`: what a spec leaves out of its image comes from here. */
  readonly operatorImage: string
  /** The role that is bound; `spec.impersonation.mode` is only the wish. */
  readonly roleMode: ImpersonationMode
  /** Constrained impersonation worked here once, and nobody has given it up since. */
  readonly constrainedWorked: boolean
  readonly credentials: {
    /** PKCS #8. */
    readonly sessionKeyPem: string
    /** The cluster document as the identity key signed it. */
    readonly signedDocument: string
    readonly leaf: CertificateAndKey
  }
  /** What `spec.relay.httpProxySecretRef` holds; undefined exactly where the spec has no reference. */
  readonly httpProxy: HttpProxy | undefined
  /** Secret, at least 32 bytes, the same after a restart: marks pods with what they were started with, and tells nothing of it. */
  readonly digestKey: Uint8Array
  /** Ports behind which the API server may be, that of its Service and those of its endpoints. */
  readonly apiServerPorts: readonly [number, ...number[]]
}

/** What should be there, and what should not. */
export interface Children {
  /** The one owner of all of them. */
  readonly owner: { readonly name: string; readonly uid: string }
  /** In the order in which they are applied: what a pod needs is there before the pod. */
  readonly desired: readonly KubernetesObject[]
  /** What the operator makes of other specs and has to be gone with this one, once {@link desired} is there. */
  readonly absent: readonly ObjectRef[]
  /** SHA-256, hex, of the auth proxy's configuration file: what `configuration.hash` of its `GET /status` says once it is loaded. */
  readonly configurationHash: string
}
