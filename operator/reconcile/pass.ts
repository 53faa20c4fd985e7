import { Effect } from "effect"
import type { ClusterConnect } from "../../crds/ClusterConnect.ts"
import { conditionReason as reason, conditionType as type } from "../../crds/conditions.ts"
import { childrenOf } from "../children/childrenOf.ts"
import { type ChildForeign, maintain } from "../children/maintain.ts"
import type { CredentialsDamaged } from "../credentials/CredentialState.ts"
import type { Held } from "../credentials/identitySecret.ts"
import { keepCredentials } from "../credentials/keepCredentials.ts"
import type { Kubernetes, KubernetesFailure, KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { observePods, type SeenPods } from "../pods/observePods.ts"
import type { AgentStatus } from "../pods/podStatus.ts"
import { sessionsAt } from "../pods/sessionsAt.ts"
import type { OperatorSettings } from "../settings.ts"
import { specFault } from "./checkSpec.ts"
import { decide } from "./decide.ts"
import { decodeResource } from "./decodeResource.ts"
import type { Found, Hindrance } from "./Found.ts"
import { isHeld, withFinalizer } from "./finalizer.ts"
import { Hindered, hindranceOf } from "./Hindered.ts"
import { heldCredentials, wantedOf } from "./heldCredentials.ts"
import { type Memory, monotonicMillis } from "./Memory.ts"
import { constrainedWorkedBefore, modeFor } from "./modeFor.ts"
import { httpProxyOf, routeOf } from "./references.ts"
import type { Surroundings } from "./surroundings.ts"
import { conditionsIn, writeStatus, writeSuspended } from "./writeStatus.ts"

export interface PassContext {
  readonly settings: OperatorSettings
  readonly memory: Memory
  readonly surroundings: Effect.Effect<Surroundings, KubernetesFailure, Kubernetes>
}

/** `moved`: there is more to do at once. `settled`: all is as wanted. */
export type Outcome = "moved" | "settled" | "unsettled"

/** For a changed binding to be known everywhere. */
const REBOUND_MILLIS = 2_000

type Fault = Hindered | KubernetesFailure | ChildForeign | CredentialsDamaged

/** What was done in a pass, as far as it got. */
interface Work {
  held?: Held
  credentialsKept?: true
  deployments?: Found["deployments"]
  registration?: Hindrance | undefined
  rotation?: string | undefined
  configurationHash?: string
  defect?: unknown
  moved?: boolean
}

/**
 * One pass over a resource that is not being deleted: looks, acts, and says in the status what was found. A step that cannot be
 * done shows there and leaves what runs as it is. Fails when the API server
 * does not let it look or write the status, and, with the status written, when a call found no answer; dies of a mistake of ours, likewise.
 */
export const pass = (
  context: PassContext,
  stored: KubernetesObject,
): Effect.Effect<Outcome, KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    const { settings, memory } = context
    const object = isHeld(stored) ? stored : yield* withFinalizer(stored)
    if ((object.spec as { suspend?: unknown } | undefined)?.suspend === true)
      return yield* Effect.as(writeSuspended(object), "settled" as const)

    const resource = yield* Effect.either(decodeResource(object))
    const seen = yield* observePods(settings.namespace, object.metadata.name)
    const pods =
      resource._tag === "Left" ? seen : { ...seen, agents: sessionsAt(resource.right.spec.relay.url, seen.agents) }
    const sessions = pods.agents.flatMap(({ terminating, status }) => (terminating ? [] : (status?.sessions ?? [])))
    const nowMillis = yield* monotonicMillis
    memory.sessionlessSinceMillis = sessions.length > 0 ? undefined : (memory.sessionlessSinceMillis ?? nowMillis)

    const work: Work = {}
    const done =
      resource._tag === "Left"
        ? resource
        : yield* Effect.either(unbroken(act(context, resource.right, pods, sessions.length === 0, work), work))

    const verdict = decide({
      ...pods,
      previous: conditionsIn(object) as Found["previous"],
      hindrances: done._tag === "Left" ? [meaningOf(done.left)] : [],
      credentialsKept: work.credentialsKept === true,
      registration: work.registration,
      deployments: work.deployments ?? [],
      sessions: sessions.length,
      withoutSessionMillis: memory.sessionlessSinceMillis === undefined ? 0 : nowMillis - memory.sessionlessSinceMillis,
      configurationHash: work.configurationHash,
      bound: memory.bound,
      role: memory.role,
      relayAudienceAllowed: resource._tag === "Right" && resource.right.spec.authentication.allowRelayAudience,
      rotation: work.rotation,
    })
    yield* writeStatus(object, {
      ...verdict,
      credentials: (work.held ?? memory.held)?.state,
      sessions: sessions.length,
    })
    // The status says it. Failing all the same has the pass tried again, and counted, like any other that failed.
    if (work.defect !== undefined) return yield* Effect.die(work.defect)
    if (done._tag === "Left" && done.left._tag === "KubernetesFailure" && done.left.reason === "Unreachable")
      return yield* done.left
    if (work.moved === true) return "moved"
    const isReady = verdict.conditions.some((one) => one.type === type.ready && one.status === "True")
    const isPending = verdict.conditions.some((one) => one.type === type.reconciling)
    const isAtRest = isReady && !isPending && work.rotation === undefined && sessions.length > 0
    return isAtRest ? "settled" : "unsettled"
  })

/** Everything that changes something, in the order in which one thing needs the other; writes into `work` how far it got. */
const act = (
  { settings, memory, surroundings }: PassContext,
  resource: ClusterConnect,
  pods: SeenPods,
  sessionless: boolean,
  work: Work,
): Effect.Effect<void, Fault, Kubernetes> =>
  Effect.gen(function* () {
    const { namespace } = settings
    const { spec } = resource
    const around = yield* surroundings
    if (around.missingFields.length > 0) return yield* outdated(around.missingFields)
    const fault = specFault(spec)
    if (fault !== undefined) return yield* new Hindered(fault)

    const httpProxy = yield* httpProxyOf(namespace, resource)
    const route = yield* routeOf(spec, httpProxy)
    const found = yield* heldCredentials(namespace, resource, memory)
    memory.held = work.held = found
    const wanted = wantedOf(resource)
    const authProxies = pods.authProxies.flatMap(({ ready, terminating, status }) =>
      terminating || (!ready && status === undefined) ? [] : [status?.servingCertificate.fingerprint256],
    )
    const agents = pods.agents.flatMap(({ ready, terminating, status }) =>
      terminating || (!ready && status === undefined) ? [] : [status && agentShown(status)],
    )
    const kept = yield* keepCredentials(found, {
      spec,
      namespace,
      wanted,
      route,
      memory,
      sessionless,
      agents,
      authProxies,
    }).pipe(
      // What is missing for the registration must not keep the pods from being made.
      Effect.catchTag("Hindered", ({ reason: why, message }) =>
        Effect.succeed({ held: found, registration: { reason: why, message }, rotation: undefined, moved: false }),
      ),
    )
    memory.held = work.held = kept.held
    work.credentialsKept = true
    work.registration = kept.registration
    work.rotation = kept.rotation
    work.moved = kept.moved

    const proven = conditionsIn(resource as KubernetesObject).find(
      (one) => one.type === type.impersonationReady && one.status !== "Unknown",
    )
    memory.constrainedWorked ??= yield* constrainedWorkedBefore(namespace, resource.metadata.name)
    const mode = yield* modeFor(
      spec.impersonation,
      around.serverVersion,
      proven as Found["previous"][number] | undefined,
      pods.authProxies,
      memory,
    )
    if (mode === undefined) return
    const { state } = kept.held
    const children = childrenOf({
      resource: { name: resource.metadata.name, uid: resource.metadata.uid ?? "", spec },
      namespace,
      operatorImage: settings.image,
      roleMode: mode,
      constrainedWorked: memory.constrainedWorked === true,
      credentials: { sessionKeyPem: state.session.pem, signedDocument: state.signedDocument, leaf: state.leaf },
      httpProxy,
      digestKey: Buffer.from(state.digestKey, "hex"),
      apiServerPorts: around.apiServerPorts,
    })
    const begunMillis = Date.now()
    const changes = yield* maintain(children, memory.children)
    // What was allowed under another role says nothing of this one; under the first there was no other.
    if (memory.bound?.mode !== mode)
      memory.bound = {
        mode,
        sinceMillis: proven === undefined && memory.bound === undefined ? begunMillis : Date.now() + REBOUND_MILLIS,
      }
    work.configurationHash = children.configurationHash
    work.deployments = changes.deployments
    if (changes.written.length + changes.removed.length > 0)
      yield* Effect.logInfo("children changed", { written: changes.written, removed: changes.removed })
    if (changes.leaving.length > 0)
      return yield* new Hindered({
        reason: reason.progressing,
        message: `waits for the deletion of ${changes.leaving.join(", ")}`,
      })
  })

/** A mistake of ours is told like any hindrance. Its words stay in the log: they may quote what is secret. */
const unbroken = <R>(acting: Effect.Effect<void, Fault, R>, work: Work): Effect.Effect<void, Fault, R> =>
  acting.pipe(
    Effect.catchAllDefect((defect) => {
      work.defect = defect
      return new Hindered({
        reason: reason.progressing,
        message: `the operator broke on this resource (${defect instanceof Error ? defect.name : typeof defect}), which is a mistake of its own: its log says where; tried again`,
      })
    }),
  )

const agentShown = ({ sessionKey, documentSerial, sessions }: AgentStatus) => ({
  sessionKey,
  documentSerial,
  isConnected: sessions.length > 0 && sessions.every(({ withPresentCredentials }) => withPresentCredentials === true),
})

const outdated = (fields: readonly string[]): Hindered =>
  new Hindered({
    reason: reason.crdOutdated,
    message: `the definition of ClusterConnect is older than this operator and lacks ${fields.slice(0, 5).join(", ")}${fields.length > 5 ? ` and ${fields.length - 5} more` : ""}: apply the definition of the operator's version`,
  })

const meaningOf = (fault: Fault): Hindrance => {
  switch (fault._tag) {
    case "Hindered":
      return { reason: fault.reason, message: fault.message }
    case "KubernetesFailure":
      return hindranceOf(fault)
    case "ChildForeign":
      return { reason: reason.childRefused, message: fault.message }
    case "CredentialsDamaged":
      return { reason: reason.credentialsDamaged, message: fault.message }
  }
}
