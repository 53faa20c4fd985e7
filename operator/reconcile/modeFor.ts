import { Effect } from "effect"
import type { ImpersonationMode } from "../../identity/impersonationRoles.ts"
import { constrainedWorkedAnnotation } from "../children/accounts.ts"
import { childName } from "../children/childNames.ts"
import { Kubernetes, type KubernetesFailure } from "../kubernetes/Kubernetes.ts"
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
  wanted: "Auto" | ImpersonationMode,
  serverVersion: string,
  before: Judgement | undefined,
  authProxies: Found["authProxies"],
  memory: Memory,
): ImpersonationMode | undefined => {
  const present = memory.bound?.mode ?? modeByReason[before?.reason ?? ""]
  const { bound, constrainedWorked: known } = memory
  memory.constrainedWorked = constrainedWorked({ wanted, known, before, authProxies, bound })
  const probes = probesOf({ authProxies, bound })
  if (bound?.mode === "Constrained" && probes.length > 0 && probes.every((probe) => probe === "forbidden"))
    memory.constrainedRefusedAt = serverVersion
  const constrainedRefused = memory.constrainedRefusedAt === serverVersion
  return chooseMode({
    wanted,
    serverVersion,
    present,
    wasConstrained: memory.constrainedWorked,
    constrainedRefused,
  })
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
