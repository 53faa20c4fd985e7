import { Duration, Effect, type Scope } from "effect"
import type { Caller } from "../../../identity/claimMapping.ts"
import { probeUser, tokenIdExtra } from "../../../identity/impersonationRoles.ts"
import type { ApiServer } from "./ApiServer.ts"
import { askApiServer } from "./askApiServer.ts"

/** What the auth proxy last found out about its API server and its own rights there, for `/status` and for old servers. */
export interface ApiServerState {
  /** `major.minor` as emulated, undefined until it was read. */
  readonly version?: string
  /** Whether a request as somebody else came through. */
  readonly impersonation: "unknown" | "allowed" | "forbidden"
  readonly checkedAt?: string
  /** Why the last look brought nothing. */
  readonly failure?: string
}

/** The first version that checks `create` for WebSocket exec, attach and port-forward by itself. */
const checksSessionsFrom = [1, 35] as const
const interval = Duration.seconds(60)
/** Rights that were just given take a moment to be known everywhere. */
const intervalUntilAllowed = Duration.seconds(5)
/**
 * No right comes with this name: the question is only whether a request under another name gets through. With the extra key that
 * every caller has: a role that leaves it out lets nobody in.
 */
const probed: Caller = { username: probeUser, groups: [], uid: undefined, extra: { [tokenIdExtra]: [probeUser] } }

/**
 * Looks at once, every 5 s until impersonation works, and every minute then, while the scope lives. Never fails; what is not known is treated as the worst case. `known` is
 * what the probe that this one follows has found out about the same server.
 */
export const probeApiServer = (
  api: ApiServer,
  known: ApiServerState = { impersonation: "unknown" },
): Effect.Effect<
  { readonly state: () => ApiServerState; readonly checksSessions: () => boolean },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    let state = known
    const look = Effect.gen(function* () {
      const version = versionOf((yield* askApiServer(api, { method: "GET", target: "/version" })).body)
      const review = yield* askApiServer(api, {
        method: "POST",
        target: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        as: probed,
        body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
      })
      state = {
        ...(version === undefined ? {} : { version }),
        impersonation: impersonationOf(review.status, review.body),
        checkedAt: new Date().toISOString(),
      }
    }).pipe(
      Effect.catchAll((error) =>
        Effect.sync(() => {
          state = { ...state, failure: error.detail }
        }),
      ),
    )
    const wait = Effect.suspend(() => Effect.sleep(state.impersonation === "allowed" ? interval : intervalUntilAllowed))
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(look, wait)))
    return { state: () => state, checksSessions: () => isAtLeast(state.version, checksSessionsFrom) }
  })

/** `emulationMajor.emulationMinor` where there are such, `major.minor` else; undefined when it cannot be read. */
export const versionOf = (body: unknown): string | undefined => {
  const { major, minor, emulationMajor = major, emulationMinor = minor } = (body ?? {}) as Record<string, unknown>
  const text = `${emulationMajor}.${emulationMinor}`
  // Some distributions write the minor version as "34+".
  return /^\d+\.\d+\+?$/.test(text) ? text.replace("+", "") : undefined
}

/** False when the version is unknown. */
export const isAtLeast = (version: string | undefined, [major, minor]: readonly [number, number]): boolean => {
  const [foundMajor = -1, foundMinor = -1] = (version ?? "").split(".").map((part) => (part === "" ? -1 : Number(part)))
  return foundMajor > major || (foundMajor === major && foundMinor >= minor)
}

const impersonationOf = (status: number, body: unknown): ApiServerState["impersonation"] => {
  const username = (body as { status?: { userInfo?: { username?: unknown } } } | undefined)?.status?.userInfo?.username
  if (status === 201 && username === probed.username) return "allowed"
  return status === 403 ? "forbidden" : "unknown"
}
