import type { ConditionReason } from "../../crds/conditions.ts"
import type { ImpersonationMode } from "../../identity/impersonationRoles.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import type { AgentStatus, AuthProxyStatus, SeenPod } from "../pods/podStatus.ts"
import type { BoundRole } from "./boundRole.ts"

/** Something that keeps the operator from doing a part of its work; what it means for the resource is in its reason. */
export interface Hindrance {
  readonly reason: ConditionReason
  /** What was found and what to do. */
  readonly message: string
}

/** A condition before it is compared with what stands in the status. */
export interface Judgement {
  readonly type: string
  readonly status: "True" | "False" | "Unknown"
  readonly reason: ConditionReason
  readonly message: string
}

export interface Bound {
  readonly mode: ImpersonationMode
  readonly sinceMillis: number
}

/** Everything that a pass has found out about one resource, and nothing that it only wishes. */
export interface Found {
  /** The conditions that the status has now. */
  readonly previous: readonly Judgement[]
  /** The mistake or the missing thing for which the pass could not go through, the gravest first. */
  readonly hindrances: readonly Hindrance[]
  /** The credentials were looked at; where the pass did not get so far, nothing is known of them. */
  readonly credentialsKept: boolean
  /** Why the relay does not know us as we are; undefined when it does. */
  readonly registration: Hindrance | undefined
  /** The live Deployments of agent and auth proxy; none where the pass did not get so far. */
  readonly deployments: readonly KubernetesObject[]
  /** Control sessions of the agents with the relay that the spec names. */
  readonly sessions: number
  /** For how long there was none, by the monotonic clock of this process; 0 while there is one. */
  readonly withoutSessionMillis: number
  readonly agents: readonly SeenPod<AgentStatus>[]
  readonly authProxies: readonly SeenPod<AuthProxyStatus>[]
  /** SHA-256 of the configuration that the auth proxies should have loaded; undefined when none was published. */
  readonly configurationHash: string | undefined
  /** The role that is bound now, and since when (Unix milliseconds); undefined before the first. */
  readonly bound: Bound | undefined
  /** The role itself; undefined while nobody had a reason to look at it. */
  readonly role: BoundRole | undefined
  readonly relayAudienceAllowed: boolean
  /** What a rotation waits for; undefined when none is under way. */
  readonly rotation: string | undefined
}
