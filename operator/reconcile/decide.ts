import { type ConditionReason, conditionReason as reason, conditionType as type } from "../../crds/conditions.ts"
import type { Found, Hindrance, Judgement } from "./Found.ts"
import { agentAvailable, connected, credentialsValid, impersonationReady, serving, troubleOf } from "./parts.ts"
import { rollingOut } from "./rollout.ts"

/** What needs a person. Everything else goes by itself, however long it takes. */
const needsPerson: ReadonlySet<ConditionReason> = new Set([
  reason.authenticationInvalid,
  reason.multiTenantIssuer,
  reason.joinTokenSpent,
  reason.registrationRefused,
  reason.constrainedUnavailable,
  reason.accessDenied,
  reason.childRefused,
  reason.credentialsDamaged,
  reason.crdOutdated,
])
const isStalling = (why: ConditionReason): boolean => needsPerson.has(why)

export interface Verdict {
  readonly conditions: readonly Judgement[]
  /**
   * The pods are those that this generation asks for, every ready auth proxy has loaded its configuration, and there is one; or only a
   * person can make it so (kstatus: Failed).
   */
  readonly observed: boolean
  /** Of the ready auth proxies; undefined when there is none or they differ. */
  readonly authProxyVersion: string | undefined
}

/**
 * The conditions that follow from what was found. Ready: whether callers can reach the cluster now. Reconciling and Stalled
 * (kstatus) are there only while True, and never both: what needs a person does not go by itself.
 */
export const decide = (found: Found): Verdict => {
  const parts = [connected(found), agentAvailable(found), credentialsValid(found), impersonationReady(found)]
  const rollout = rollingOut(found)
  const observed = rollout === undefined && hasLoaded(found)
  const broken = brokenBy(found, parts)
  const pending = broken ?? pendingBy(found, rollout, observed)
  const ready: Judgement =
    broken === undefined
      ? { type: type.ready, status: "True", reason: reason.succeeded, message: "the cluster can be reached" }
      : { type: type.ready, status: "False", ...broken }
  const stalling = [...found.hindrances, ...(broken === undefined ? [] : [broken])].find((one) =>
    isStalling(one.reason),
  )
  const progress: readonly Judgement[] =
    stalling !== undefined
      ? [{ type: type.stalled, status: "True", ...stalling }]
      : pending !== undefined
        ? [{ type: type.reconciling, status: "True", ...pending }]
        : []
  const versions = new Set(serving(found).map(({ status }) => status.version))
  return {
    conditions: [ready, ...progress, ...parts],
    observed: observed || stalling !== undefined,
    authProxyVersion: versions.size === 1 ? [...versions][0] : undefined,
  }
}

/** The first reason for which nobody can reach the cluster; undefined when they can. */
const brokenBy = (found: Found, parts: readonly Judgement[]): Hindrance | undefined => {
  const proxies = serving(found)
  const [isConnected, isAvailable, hasCredentials, mayImpersonate] = parts
  const unusable = [isConnected, isAvailable, hasCredentials].find((part) => part?.status !== "True")
  // What runs goes on serving by the last good spec: a mistake in the new one shows as Stalled, and here when nothing serves.
  const hindrance = found.hindrances[0]
  if (unusable !== undefined) return hindrance ?? hindranceOf(unusable)
  if (proxies.length === 0) return hindrance ?? noAuthProxy(found)
  if (mayImpersonate?.status !== "True") return hindrance ?? hindranceOf(mayImpersonate!)
  return hindrance !== undefined && isStalling(hindrance.reason) ? hindrance : undefined
}

const hindranceOf = ({ reason: why, message }: Judgement): Hindrance => ({ reason: why, message })

/** An auth proxy is not ready before it has every issuer's keys once. */
const noAuthProxy = (found: Found): Hindrance => {
  const issuer = found.authProxies
    .flatMap(({ status, terminating }) => (terminating ? [] : (status?.issuers ?? [])))
    .find(({ ready, failure }) => !ready && failure !== undefined)
  if (issuer !== undefined) return issuerUnreachable(issuer)
  return {
    reason: reason.authProxyUnavailable,
    message: `no auth proxy is ready: ${troubleOf(found.authProxies, "auth proxy")}`,
  }
}

const issuerUnreachable = (issuer: {
  readonly name: string
  readonly url: string
  readonly failure?: { readonly message: string } | undefined
}): Hindrance => ({
  reason: reason.issuerUnreachable,
  message: `the keys of issuer ${issuer.name} (${issuer.url}) were not read yet: ${issuer.failure?.message ?? "no answer yet"}`,
})

/** The first reason for which the cluster can be reached, but not as this generation of the spec wants it. */
const pendingBy = (found: Found, rollout: Hindrance | undefined, observed: boolean): Hindrance | undefined => {
  if (found.hindrances[0] !== undefined) return found.hindrances[0]
  const proxies = serving(found)
  const refusing = proxies.find(({ status }) => status.configuration.failure !== undefined)
  if (refusing !== undefined)
    return {
      reason: reason.progressing,
      message: `pod ${refusing.name} does not take the configuration: ${refusing.status.configuration.failure}`,
    }
  if (rollout !== undefined) return rollout
  if (!observed)
    return { reason: reason.progressing, message: "not every auth proxy has loaded the present configuration" }
  const issuer = proxies.flatMap(({ status }) => status.issuers).find(({ ready }) => !ready)
  if (issuer !== undefined) return issuerUnreachable(issuer)
  return undefined
}

const hasLoaded = (found: Found): boolean => {
  const ready = found.authProxies.filter((pod) => pod.ready && !pod.terminating)
  return (
    found.configurationHash !== undefined &&
    ready.length > 0 &&
    ready.every(({ status }) => status?.configuration.hash === found.configurationHash)
  )
}
