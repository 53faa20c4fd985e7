import { Clock, type Context, Effect, Exit, Option, Schedule } from "effect"
import { Kubernetes, type KubernetesFailure } from "../kubernetes/Kubernetes.ts"
import { decide, type Observation } from "./decide.ts"
import { heldBy, leaseRef, released, specOf } from "./lease.ts"

export interface Timing {
  /** Another may take the lease when it has seen it unchanged for this long. */
  readonly leaseMillis: number
  /** Work ends this long after the beginning of the last renewal that succeeded. */
  readonly renewMillis: number
  readonly retryMillis: number
}

/** client-go's; the difference of 5 s is for a write that is under way when the work ends. */
export const timing: Timing = { leaseMillis: 15_000, renewMillis: 10_000, retryMillis: 2_000 }

/** An end that hangs on an unreachable API server is not waited for; the lease then runs out. */
const RELEASE_MILLIS = 3_000

export interface Candidate {
  readonly namespace: string
  /** Unique for each process, also for two starts of one pod. */
  readonly identity: string
  readonly timing?: Timing
}

/**
 * Waits for the lease, then runs `work` while it holds it, and again each time that it gets it anew; gives what `work`
 * ends with. `work` is interrupted before another may take the lease. Time is monotonic, and the {@link Kubernetes} that
 * `work` gets looks at it before each write: a process that was stopped and goes on writes nothing more (the write
 * interrupts itself), even when its timers have not yet fired. When `work` ends or this is interrupted, the lease is released.
 */
export const lead = <A, E, R>(
  candidate: Candidate,
  work: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, Kubernetes | Exclude<R, Kubernetes>> =>
  Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    const { namespace, identity } = candidate
    const { leaseMillis, renewMillis, retryMillis } = candidate.timing ?? timing
    let observed: Observation | undefined
    /** We lead before this moment of the monotonic clock. */
    let untilMillis = Number.NEGATIVE_INFINITY
    const leading = Effect.map(monotonicMillis, (now) => now < untilMillis)

    /** One look, and one write where the lease may be ours. False when it is another's. */
    const attempt = Effect.gen(function* () {
      const begun = yield* monotonicMillis
      const lease = yield* kubernetes.get(leaseRef(namespace))
      const next = decide(identity, observed, lease, yield* monotonicMillis, leaseMillis)
      observed = next.observed
      if (next.move === "Wait") return false
      const mine = heldBy(lease, namespace, { identity, leaseMillis, atMillis: yield* Clock.currentTimeMillis })
      yield* lease === undefined ? kubernetes.create(mine) : kubernetes.replace(mine)
      untilMillis = begun + renewMillis
      return true
    })
    const failed = (failure: KubernetesFailure) => Effect.logWarning(`leader election: ${failure.message}`)

    const acquired = attempt.pipe(
      Effect.catchAll((failure) =>
        // Somebody else was quicker: no news.
        Effect.as(failure.reason === "Conflict" ? Effect.void : failed(failure), false),
      ),
      Effect.zipRight(leading),
      Effect.repeat({ until: (held) => held, schedule: Schedule.jittered(Schedule.spaced(retryMillis)) }),
      Effect.zipRight(Effect.logInfo(`leads as ${identity}`)),
    )

    /** Ends when another holds the lease; a failed renewal is tried again until {@link expired}. */
    const superseded = attempt.pipe(
      Effect.catchAll((failure) => Effect.as(failed(failure), true)),
      Effect.delay(retryMillis),
      Effect.repeat({ while: (held) => held }),
      Effect.zipRight(
        Effect.sync(() => {
          untilMillis = Number.NEGATIVE_INFINITY
        }),
      ),
    )
    const expired = Effect.flatMap(monotonicMillis, (now) =>
      now >= untilMillis ? Effect.succeed(true) : Effect.as(Effect.sleep(untilMillis - now), false),
    ).pipe(Effect.repeat({ until: (over) => over }))

    const guarded = Effect.provideService(work, Kubernetes, whileLeading(kubernetes, leading))
    const term = Effect.gen(function* () {
      yield* acquired
      const lost = Effect.raceFirst(superseded, expired).pipe(Effect.as(Option.none<Exit.Exit<A, E>>()))
      const outcome = yield* Effect.raceFirst(Effect.asSome(Effect.exit(guarded)), lost)
      // A write that came too late has interrupted the work before the race was decided.
      const late = Option.exists(outcome, Exit.isInterrupted) && !(yield* leading)
      if (Option.isSome(outcome) && !late) return outcome
      yield* Effect.logWarning(`no longer leads as ${identity}`)
      return Option.none<Exit.Exit<A, E>>()
    })

    const release = Effect.gen(function* () {
      if (!(yield* leading)) return
      const lease = yield* kubernetes.get(leaseRef(namespace))
      if (lease === undefined || specOf(lease).holderIdentity !== identity) return
      yield* kubernetes.replace(released(lease, yield* Clock.currentTimeMillis))
    }).pipe(
      // A renewal that was under way may come between.
      Effect.retry({ times: 2, while: ({ reason }) => reason === "Conflict" }),
      Effect.interruptible,
      Effect.timeout(RELEASE_MILLIS),
      Effect.ignore,
    )

    const terms: Effect.Effect<Exit.Exit<A, E>, never, Exclude<R, Kubernetes>> = Effect.flatMap(
      term,
      Option.match({ onNone: () => terms, onSome: (ended) => Effect.succeed(ended) }),
    )
    return yield* Effect.flatten(Effect.ensuring(terms, release))
  })

const monotonicMillis = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos / 1_000_000n))

type Calls = Context.Tag.Service<typeof Kubernetes>

/** The same calls; a write looks whether we lead, and otherwise interrupts whoever makes it. */
const whileLeading = (calls: Calls, leading: Effect.Effect<boolean>): Calls => {
  const only = <A>(write: Effect.Effect<A, KubernetesFailure>) =>
    Effect.flatMap(leading, (yes) => (yes ? write : Effect.interrupt))
  return {
    get: calls.get,
    list: calls.list,
    apply: (object) => only(calls.apply(object)),
    applyStatus: (object) => only(calls.applyStatus(object)),
    replace: (object) => only(calls.replace(object)),
    create: (object) => only(calls.create(object)),
    remove: (ref, uid) => only(calls.remove(ref, uid)),
  }
}
