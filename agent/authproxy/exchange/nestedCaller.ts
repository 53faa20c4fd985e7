import { Effect, Either } from "effect"
import type { Caller } from "../../../identity/claimMapping.ts"
import { originalUserExtra, tokenIdExtra } from "../../../identity/impersonationRoles.ts"
import { reservedName, unusableName } from "../../../identity/reservedNames.ts"
import type { ApiServer } from "../upstream/ApiServer.ts"
import { mayCaller, type ResourceAttributes } from "../upstream/askApiServer.ts"
import { impersonationLines } from "./clientHeaders.ts"
import type { Incoming } from "./Incoming.ts"
import { ImpersonationHeaderRefused, NestedCheckFailed, NestedForbidden, NestedIdentityReserved } from "./refusals.ts"

/** Each value is a question to the API server before the request. */
const maxNestedValues = 64
const authentication = "authentication.k8s.io"
const extraPrefix = "impersonate-extra-"

export type NestedRefusal = ImpersonationHeaderRefused | NestedIdentityReserved | NestedForbidden | NestedCheckFailed

/** Who the caller asks to be, as its headers say. */
interface NestedTarget {
  readonly username: string
  readonly groups: readonly string[]
  readonly uid: string | undefined
  readonly extra: Readonly<Record<string, readonly string[]>>
}

/**
 * The identity for a request with `kubectl --as`: the target, once the API server has said for every single value that the
 * caller may impersonate it; the caller's own name travels in a reserved extra key. Without such headers the caller itself.
 */
export const nestedCaller = Effect.fnUntraced(function* (incoming: Incoming, caller: Caller, api: ApiServer) {
  const target = yield* nestedTarget(incoming)
  if (target === undefined) return caller
  for (const attributes of questions(target)) {
    const allowed = yield* Effect.mapError(
      mayCaller(api, caller, attributes),
      ({ detail }) => new NestedCheckFailed({ detail }),
    )
    if (!allowed)
      return yield* new NestedForbidden({ detail: `${attributes.resource} ${JSON.stringify(attributes.name)}` })
  }
  const nested: Caller = {
    ...target,
    extra: { ...target.extra, ...caller.extra, [originalUserExtra]: [caller.username] },
  }
  return nested
})

/** Reads the client's impersonation headers strictly; undefined when there are none. */
const nestedTarget = (incoming: Incoming): Either.Either<NestedTarget | undefined, NestedRefusal> => {
  const lines = impersonationLines(incoming)
  if (lines.length === 0) return Either.right(undefined)
  if (lines.length > maxNestedValues)
    return Either.left(
      new ImpersonationHeaderRefused({ detail: `${lines.length} headers, at most ${maxNestedValues}` }),
    )
  const users: string[] = []
  const groups: string[] = []
  const uids: string[] = []
  const extra: Record<string, string[]> = Object.create(null)
  for (const [name, raw] of lines) {
    const value = textOf(raw)
    const lower = name.toLowerCase()
    const fault = value === undefined ? "it is not UTF-8" : unusableName(value)
    if (value === undefined || fault !== undefined)
      return Either.left(new ImpersonationHeaderRefused({ detail: `${JSON.stringify(name)}: ${fault}` }))
    if (lower === "impersonate-user") users.push(value)
    else if (lower === "impersonate-group") groups.push(value)
    else if (lower === "impersonate-uid") uids.push(value)
    else {
      const key = extraKey(lower)
      if (key === undefined) return Either.left(new ImpersonationHeaderRefused({ detail: JSON.stringify(name) }))
      const values = extra[key] ?? []
      values.push(value)
      extra[key] = values
    }
  }
  const [username] = users
  if (username === undefined || users.length > 1 || uids.length > 1)
    return Either.left(
      new ImpersonationHeaderRefused({ detail: "exactly one Impersonate-User and at most one Impersonate-Uid" }),
    )
  const reserved = [username, ...groups].find((one) => reservedName(one) !== undefined)
  if (reserved !== undefined) return Either.left(new NestedIdentityReserved({ detail: JSON.stringify(reserved) }))
  return Either.right({ username, groups, uid: uids[0], extra })
}

/** Latin1 as the parser gives it, back to the text whose UTF-8 it is. */
const textOf = (raw: string): string | undefined => {
  if (/[^\u0000-\u00ff]/.test(raw)) return raw
  const text = Buffer.from(raw, "latin1").toString("utf8")
  return Buffer.from(text, "utf8").toString("latin1") === raw ? text : undefined
}

/** Ours are ours: a client cannot name its own token or original user. */
const extraKey = (lower: string): string | undefined => {
  if (!lower.startsWith(extraPrefix) || lower.includes("_")) return undefined
  try {
    const key = decodeURIComponent(lower.slice(extraPrefix.length)).toLowerCase()
    const own = key === tokenIdExtra || key === originalUserExtra || key.startsWith("clusterconnect.dev/")
    return key === "" || own || unusableName(key) !== undefined ? undefined : key
  } catch {
    return undefined
  }
}

/** k8s.io/apiserver/pkg/endpoints/filters/impersonation: the verb `impersonate` on each value by itself. */
const questions = ({ username, groups, uid, extra }: NestedTarget): readonly ResourceAttributes[] => [
  { verb: "impersonate", group: "", resource: "users", name: username },
  ...groups.map((name) => ({ verb: "impersonate", group: "", resource: "groups", name })),
  ...(uid === undefined ? [] : [{ verb: "impersonate", group: authentication, resource: "uids", name: uid }]),
  ...Object.entries(extra).flatMap(([subresource, values]) =>
    values.map((name) => ({ verb: "impersonate", group: authentication, resource: "userextras", subresource, name })),
  ),
]
