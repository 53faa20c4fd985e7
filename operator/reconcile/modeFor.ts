import { Clock, Effect } from "effect"
import type { ClusterConnectSpec } from "../../crds/ClusterConnectSpec.ts"
import type { ImpersonationMode } from "../../identity/impersonationRoles.ts"
import { constrainedWorkedAnnotation } from "../children/accounts.ts"
import { childName } from "../children/childNames.ts"
import { Kubernetes, type KubernetesFailure } from "../kubernetes/Kubernetes.ts"
import { boundRole } from "./boundRole.ts"
import { chooseMode } from "./chooseMode.ts"
import type { Bound, Found, Judgement } from "./Found.ts"
import type { Memory } from "./Memory.ts"
import { probesOf } from "./parts.ts"

/** What the condition of an earlier process says of the role that was bound. */
const modeByReason: Readonly<Record<string, ImpersonationMode>> = {
  Constrained: "Constrained",
  ConstrainedUnavailable: "Constrained",
  Legacy: "Legacy",
}

/** The mode to bind, from the spec and everything that is known of the API server. Remembers a refusal, so that it is not tried at every pass. */
export const modeFor = (
  { mode: wanted, profile }: Pick<ClusterConnectSpec["impersonation"], "mode" | "profile">,
  serverVersion: string,
  before: Judgement | undefined,
  authProxies: Found["authProxies"],
  memory: Memory,
): Effect.Effect<ImpersonationMode | undefined, KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    const { bound, constrainedWorked: known } = memory
    if (bound !== undefined && probesOf({ authProxies, bound }).some((probe) => probe !== "allowed")) {
      memory.role = yield* boundRole(bound.mode, profile)
      if (memory.role.is !== "shipped") memory.roleOtherwiseMillis = yield* Clock.currentTimeMillis
    }
    memory.constrainedWorked = constrainedWorked({ wanted, known, before, authProxies, bound })
    if (refusesConstrained(authProxies, memory)) memory.constrainedRefusedAt = serverVersion
    return chooseMode({
      wanted,
      serverVersion,
      present: bound?.mode ?? modeByReason[before?.reason ?? ""],
      wasConstrained: memory.constrainedWorked,
      constrainedRefused: memory.constrainedRefusedAt === serverVersion,
    })
  })

/**
 * Whether the API server itself refuses constrained impersonation. A role that somebody has narrowed, changed or removed explains a
 * refusal by itself, and one from before it was as shipped again: Legacy, which bounds nobody, must not follow from it.
 */
const refusesConstrained = (authProxies: Found["authProxies"], memory: Memory): boolean => {
  const { bound, role, roleOtherwiseMillis } = memory
  if (bound?.mode !== "Constrained" || role?.is !== "shipped") return false
  const sinceMillis = Math.max(bound.sinceMillis, roleOtherwiseMillis)
  const probes = probesOf({ authProxies, bound: { ...bound, sinceMillis } })
  return probes.length > 0 && probes.every((probe) => probe === "forbidden")
}

/**
 * Whether constrained impersonation ever worked here: one auth proxy that was allowed is enough. A person who names Legacy gives it
 * up knowingly. Where nothing was written down, a refusal may have followed a success, and counts as one.
 */
export const constrainedWorked = ({
  wanted,
  known,
  before,
  authProxies,
  bound,
}: {
  readonly wanted: "Auto" | ImpersonationMode
  readonly known: boolean | undefined
  readonly before: Judgement | undefined
  readonly authProxies: Found["authProxies"]
  readonly bound: Bound | undefined
}): boolean => {
  if (wanted === "Legacy") return false
  if (bound?.mode === "Constrained" && probesOf({ authProxies, bound }).includes("allowed")) return true
  return known ?? modeByReason[before?.reason ?? ""] === "Constrained"
}

/** What an earlier process wrote down of {@link constrainedWorked}; undefined when it wrote nothing. */
export const constrainedWorkedBefore = (
  namespace: string,
  resource: string,
): Effect.Effect<boolean | undefined, KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    const name = childName(resource, "auth-proxy")
    const account = yield* kubernetes.get({ apiVersion: "v1", kind: "ServiceAccount", namespace, name })
    const text = account?.metadata.annotations?.[constrainedWorkedAnnotation]
    return text === "true" ? true : text === "false" ? false : undefined
  })
