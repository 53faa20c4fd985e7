import { Effect } from "effect"
import type { ClusterConnectSpec } from "../../crds/ClusterConnectSpec.ts"
import { register } from "../enrolment/register.ts"
import {
  type AtRelay,
  hindranceAt,
  isBehind,
  isUnregistered,
  publish,
  type RelayFailure,
  viewAt,
} from "../enrolment/registration.ts"
import type { Kubernetes, KubernetesFailure } from "../kubernetes/Kubernetes.ts"
import type { Hindrance } from "../reconcile/Found.ts"
import type { Hindered } from "../reconcile/Hindered.ts"
import { type Memory, monotonicMillis } from "../reconcile/Memory.ts"
import { documentIn } from "./CredentialState.ts"
import { type Held, storeCredentials } from "./identitySecret.ts"
import { makeChange } from "./makeChange.ts"
import { type Change, type CredentialsShown, type CredentialsWanted, type Move, nextMove } from "./nextMove.ts"

export interface Kept {
  readonly held: Held
  /** Why the relay does not know the credentials as they are; undefined when it does, or was not asked. */
  readonly registration: Hindrance | undefined
  /** What was done or is waited for in a rotation; undefined at rest. */
  readonly rotation: string | undefined
  /** Something was done: there may be more to do at once. */
  readonly moved: boolean
}

export interface Keeping {
  readonly spec: ClusterConnectSpec
  readonly namespace: string
  readonly wanted: CredentialsWanted
  readonly route: AtRelay["route"]
  readonly memory: Memory
  /** No agent has a session: the relay may have forgotten us. */
  readonly sessionless: boolean
  readonly agents: CredentialsShown["agents"]
  readonly authProxies: CredentialsShown["authProxies"]
}

/** A relay that is well, and of which nothing is wanted, is asked this seldom whether it still knows us. */
const ASK_MILLIS = 300_000

/** One step of the credentials: asks the relay where that is needed, then makes one move. Every change is stored before it is used. */
export const keepCredentials = (
  held: Held,
  keeping: Keeping,
): Effect.Effect<Kept, Hindered | KubernetesFailure, Kubernetes> =>
  Effect.gen(function* () {
    const { spec, namespace, wanted, route, memory, sessionless, agents, authProxies } = keeping
    const { state } = held
    const now = yield* monotonicMillis
    const isPublished = state.publishedSerial === documentIn(state).serial
    const mustAsk =
      isPublished &&
      (sessionless || state.otherSession?.role === "old" || now - memory.relayAnsweredMillis > ASK_MILLIS)
    const asked = mustAsk ? yield* Effect.either(viewAt({ state, route })) : undefined
    const seen = asked?._tag === "Right" ? asked.right : undefined
    if (seen !== undefined) memory.relayAnsweredMillis = now

    const stopped = (failure: RelayFailure): Effect.Effect<Kept, Hindered | KubernetesFailure, Kubernetes> =>
      isUnregistered(failure)
        ? Effect.map(register(held, { route }, spec, namespace, memory), ({ held: next, hindrance }) => ({
            held: next,
            registration: hindrance,
            rotation: undefined,
            moved: hindrance === undefined,
          }))
        : Effect.succeed({ held, registration: hindranceAt(failure, state), rotation: undefined, moved: false })
    if (asked?._tag === "Left" && isUnregistered(asked.left)) return yield* stopped(asked.left)

    const wallMillis = Date.now()
    const relaySerial = seen?.document?.serial
    const move = nextMove(state, wanted, { sessions: seen?.sessions, relaySerial, agents, authProxies }, wallMillis)
    const changed = (change: Change, above?: number): Effect.Effect<Kept, KubernetesFailure, Kubernetes> =>
      Effect.gen(function* () {
        const next = yield* Effect.promise(() => makeChange(state, change, wanted, new Date(wallMillis), above))
        yield* Effect.logInfo(`credentials: ${change}`, { cluster: wanted.clusterName })
        return {
          held: yield* storeCredentials(held, next),
          registration: undefined,
          rotation: rotationOf({ move: "change", change }),
          moved: true,
        }
      })
    switch (move.move) {
      case "change":
        return yield* changed(move.change, relaySerial)
      case "publish": {
        const published = yield* Effect.either(publish({ state, route }))
        const { serial } = documentIn(state)
        if (published._tag === "Left" && isBehind(published.left)) {
          const kept = yield* viewAt({ state, route }).pipe(Effect.orElseSucceed(() => undefined))
          // Only a document that this identity signed is evidence; the relay's word alone moves no serial.
          if ((kept?.document?.serial ?? 0) >= serial) return yield* changed("sign-document", kept?.document?.serial)
        }
        if (published._tag === "Left") return yield* stopped(published.left)
        memory.relayAnsweredMillis = now
        const isNew = state.publishedSerial !== serial
        return {
          held: isNew ? yield* storeCredentials(held, { ...state, publishedSerial: serial }) : held,
          registration: undefined,
          rotation: undefined,
          // A relay that goes on showing an older one is not asked at once again.
          moved: isNew,
        }
      }
      default:
        return {
          held,
          registration: asked?._tag === "Left" ? hindranceAt(asked.left, state) : undefined,
          rotation: rotationOf(move),
          moved: false,
        }
    }
  })

const rotationOf = (move: Move): string | undefined => {
  if (move.move === "wait") return `waits for ${move.for}`
  return move.move === "change" && move.change !== "sign-document" ? `credentials: ${move.change}` : undefined
}
