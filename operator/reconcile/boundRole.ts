import { isDeepStrictEqual } from "node:util"
import { Effect } from "effect"
import {
  type ImpersonationMode,
  type ImpersonationProfile,
  impersonationRole,
  impersonationRoleName,
} from "../../identity/impersonationRoles.ts"
import { Kubernetes, type KubernetesFailure, type KubernetesObject } from "../kubernetes/Kubernetes.ts"

/** A ClusterRole for auth proxies, and whether it is as the installation ships it, narrowed by `resourceNames`, or something else or nothing. */
export interface BoundRole {
  readonly name: string
  readonly is: "shipped" | "narrowed" | "different"
}

/** The role of this mode and profile as the cluster has it now. */
export const boundRole = (
  mode: ImpersonationMode,
  profile: ImpersonationProfile,
): Effect.Effect<BoundRole, KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    const name = impersonationRoleName(mode, profile)
    const { apiVersion, kind, rules } = impersonationRole(mode, profile)
    const found = rulesOf(yield* kubernetes.get({ apiVersion, kind, name }))
    if (isDeepStrictEqual(found, rules)) return { name, is: "shipped" }
    return { name, is: found.some(({ resourceNames = [] }) => resourceNames.length > 0) ? "narrowed" : "different" }
  })

const rulesOf = (role: KubernetesObject | undefined) =>
  (role?.rules ?? []) as readonly { readonly resourceNames?: readonly string[] }[]
