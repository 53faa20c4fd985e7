import type { KubernetesObject, ObjectRef } from "../kubernetes/Kubernetes.ts"
import { leaseName } from "../rights.ts"

/** The part of coordination.k8s.io/v1 LeaseSpec that leader election uses, as client-go writes it. */
export interface LeaseSpec {
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  readonly acquireTime?: string
  readonly renewTime?: string
  readonly leaseTransitions?: number
}

export const leaseRef = (namespace: string): ObjectRef => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  namespace,
  name: leaseName,
})

export const specOf = (lease: KubernetesObject): LeaseSpec => (lease.spec ?? {}) as LeaseSpec

interface Claim {
  readonly identity: string
  readonly leaseMillis: number
  /** Wall clock; only for people to read. */
  readonly atMillis: number
}

/** The lease held by us: the first, one taken from another, or our own renewed. Keeps the version, so that one of two writers wins. */
export const heldBy = (lease: KubernetesObject | undefined, namespace: string, claim: Claim): KubernetesObject => {
  const { name, apiVersion, kind } = leaseRef(namespace)
  const before = lease === undefined ? {} : specOf(lease)
  const time = microTime(claim.atMillis)
  const same = before.holderIdentity === claim.identity
  const spec: LeaseSpec = {
    ...before,
    holderIdentity: claim.identity,
    leaseDurationSeconds: Math.ceil(claim.leaseMillis / 1_000),
    acquireTime: (same && before.acquireTime) || time,
    renewTime: time,
    leaseTransitions: (before.leaseTransitions ?? 0) + (same || lease === undefined ? 0 : 1),
  }
  return { apiVersion, kind, ...lease, metadata: { ...lease?.metadata, name, namespace }, spec }
}

/** The lease without a holder: the next candidate that looks takes it. */
export const released = (lease: KubernetesObject, atMillis: number): KubernetesObject => ({
  ...lease,
  spec: { ...specOf(lease), holderIdentity: "", leaseDurationSeconds: 1, renewTime: microTime(atMillis) },
})

/** metav1.MicroTime: exactly six digits. */
const microTime = (millis: number): string => new Date(millis).toISOString().replace("Z", "000Z")
