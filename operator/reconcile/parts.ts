import { type ConditionReason, conditionReason as reason, conditionType as type } from "../../crds/conditions.ts"
import { probeUser, tokenIdExtra } from "../../identity/impersonationRoles.ts"
import type { AuthProxyStatus, SeenPod } from "../pods/podStatus.ts"
import type { Found, Judgement } from "./Found.ts"

/** A session that is away for less than this is a restart somewhere, not a state of the cluster. */
const DISCONNECTED_MILLIS = 60_000

const judged =
  (conditionType: string) =>
  (status: Judgement["status"], why: ConditionReason, message: string): Judgement => ({
    type: conditionType,
    status,
    reason: why,
    message,
  })

const previously = (found: Found, conditionType: string): Judgement | undefined =>
  found.previous.find((condition) => condition.type === conditionType)

/** Why none of the pods can be used, in the kubelet's words where there are some. */
export const troubleOf = (pods: readonly SeenPod<unknown>[], role: string): string => {
  const awaited = pods.filter(({ terminating }) => !terminating)
  const troubled = awaited.find(({ trouble }) => trouble !== undefined)
  if (troubled !== undefined) return `pod ${troubled.name}: ${troubled.trouble}`
  return awaited.length === 0
    ? `there is no pod of the ${role} yet; look at the events of its Deployment`
    : `pod ${awaited[0]?.name} is starting`
}

/** Connected: whether the relay can hand us streams. */
export const connected = (found: Found): Judgement => {
  const judge = judged(type.connected)
  if (found.sessions > 0) return judge("True", reason.connected, "the agent has a control session with the relay")
  const before = previously(found, type.connected)
  if (before?.status === "True" && found.withoutSessionMillis < DISCONNECTED_MILLIS) return before
  const why = found.registration
  if (why !== undefined) return judge("False", why.reason, why.message)
  if (!found.agents.some(alive))
    return judge("False", reason.agentUnavailable, `no agent runs: ${troubleOf(found.agents, "agent")}`)
  const refused = found.agents.find(({ status }) => status?.credentialsRefused !== undefined)
  return judge(
    "False",
    reason.relayUnreachable,
    refused === undefined
      ? "the relay answers the operator, but no agent has a control session with it; look at the log of the agent's pods"
      : `no agent has a control session: pod ${refused.name}: ${refused.status?.credentialsRefused}`,
  )
}

/** An agent without a relay is not ready, by design; it is available when its program runs. */
const alive = (pod: SeenPod<unknown>): boolean => !pod.terminating && (pod.ready || pod.status !== undefined)

/** AgentAvailable: whether an agent runs, wherever it is connected. */
export const agentAvailable = (found: Found): Judgement => {
  const judge = judged(type.agentAvailable)
  return found.agents.some(alive)
    ? judge("True", reason.available, "an agent runs")
    : judge("False", reason.agentUnavailable, `no agent runs: ${troubleOf(found.agents, "agent")}`)
}

/** CredentialsValid: whether the cluster's keys are where they have to be. Where nobody looked, as it was. */
export const credentialsValid = (found: Found): Judgement => {
  const judge = judged(type.credentialsValid)
  const damaged = found.hindrances.find((one) => one.reason === reason.credentialsDamaged)
  if (damaged !== undefined) return judge("False", damaged.reason, damaged.message)
  if (!found.credentialsKept)
    return (
      previously(found, type.credentialsValid) ?? judge("Unknown", reason.progressing, "nobody has looked at them yet")
    )
  const why = found.registration
  if (why !== undefined) {
    const before = previously(found, type.credentialsValid)
    // A relay that does not answer says nothing about what it accepted before.
    if (why.reason === reason.relayUnreachable && before?.status === "True") return before
    return judge("False", why.reason, why.message)
  }
  if (found.rotation !== undefined) return judge("True", reason.rotating, found.rotation)
  return found.relayAudienceAllowed
    ? judge(
        "True",
        reason.relayAudienceAllowed,
        "valid; allowRelayAudience is set, so that the relay could act as the users: get tokens of two audiences and unset it",
      )
    : judge("True", reason.valid, "the relay accepts the cluster's keys")
}

/** Auth proxies whose word counts: they serve, and nobody is taking them away. */
export const serving = (
  found: Pick<Found, "authProxies">,
): readonly (SeenPod<AuthProxyStatus> & { readonly status: AuthProxyStatus })[] =>
  found.authProxies.filter(
    (pod): pod is SeenPod<AuthProxyStatus> & { readonly status: AuthProxyStatus } =>
      pod.ready && !pod.terminating && pod.status !== undefined,
  )

/** Every API server knows of a binding after this: a refusal from before says nothing. */
const REFUSED_AFTER_MILLIS = 15_000

/** What the auth proxies found out about the role that is bound now: answers from before are about another. */
export const probesOf = (
  found: Pick<Found, "authProxies" | "bound">,
): readonly ("allowed" | "forbidden" | "unknown")[] =>
  serving(found).map(({ status }) => {
    const { impersonation, checkedAt } = status.impersonation.apiServer
    const afterMillis = Date.parse(checkedAt ?? "") - (found.bound?.sinceMillis ?? Number.NaN)
    const needed = impersonation === "allowed" ? 0 : REFUSED_AFTER_MILLIS
    return afterMillis >= needed ? impersonation : "unknown"
  })

/** Callers whom the role names may get in all the same; nobody can tell. */
const narrowed = (role: string): string =>
  `ClusterRole ${role} is narrowed by resourceNames, and the API server refuses the user ${probeUser}, as whom the auth proxy tries impersonation: add ${probeUser} to the resourceNames of users, and a rule for userextras/${tokenIdExtra} without resourceNames (docs/security.md has the whole role)`

/** Why the API server refuses impersonation, as far as the role explains it, and what to do. */
const refusal = ({ role, bound }: Found): string => {
  if (role?.is === "narrowed") return narrowed(role.name)
  if (role?.is === "different")
    return `ClusterRole ${role.name} is missing or is not the installation's, and the API server refuses impersonation: apply the installation's roles again`
  return bound?.mode === "Constrained"
    ? "the API server refuses constrained impersonation though the role is bound: apply the installation's roles again, see that it is Kubernetes 1.36 or later with ConstrainedImpersonation on, or set impersonation.mode: Legacy knowingly"
    : "the API server refuses impersonation though the role is bound: apply the installation's roles again"
}

/** ImpersonationReady: whether the auth proxy may act as its callers, and how closely that is bounded. */
export const impersonationReady = (found: Found): Judgement => {
  const judge = judged(type.impersonationReady)
  const before = previously(found, type.impersonationReady)
  const probes = probesOf(found)
  const mode = found.bound?.mode
  // One pod's refusal, while others have yet to try, is no verdict: a mode is chosen by all of them.
  if (probes.includes("forbidden") && !probes.includes("unknown"))
    return judge("False", mode === "Constrained" ? reason.constrainedUnavailable : reason.accessDenied, refusal(found))
  if (probes.length > 0 && probes.every((probe) => probe === "allowed"))
    return mode === "Constrained"
      ? judge("True", reason.constrained, "service accounts, nodes and system:masters cannot be impersonated")
      : judge(
          "True",
          reason.legacy,
          "the API server itself does not bound whom the auth proxy's account impersonates; only the auth proxy's own checks do",
        )
  // Silence changes nothing about what was proven.
  if (before?.status === "True") return before
  return judge("Unknown", reason.impersonationUnproven, "no auth proxy has tried impersonation yet")
}
