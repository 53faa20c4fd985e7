import { Either } from "effect"
import { type ApiPath, apiPath } from "./apiPath.ts"
import type { UpgradeProtocol } from "./framing.ts"
import { PathNotParsed, ReadOnlyMethod, ReadOnlySubresource, ReadOnlyUpgrade } from "./refusals.ts"
import { pathOf, queryOf } from "./target.ts"

export type ReadOnlyRefusal = PathNotParsed | ReadOnlyMethod | ReadOnlyUpgrade | ReadOnlySubresource

/** They open a channel into a pod, node or service whatever the method says. */
const channels = new Set(["exec", "attach", "portforward", "proxy"])

/** A caller may always ask about itself. */
const selfReviews: ReadonlySet<string> = new Set([
  "authentication.k8s.io/selfsubjectreviews",
  "authorization.k8s.io/selfsubjectaccessreviews",
  "authorization.k8s.io/selfsubjectrulesreviews",
])

/**
 * Enforces profile ReadOnly, in every mode of impersonation: RBAC cannot (a WebSocket exec is a GET at its check). Only GET and
 * HEAD, no upgrade but a watch's, no channel subresource, POST for self-reviews only; a path that cannot be parsed is refused.
 */
export const readOnly = (request: {
  readonly method: string
  readonly target: string
  readonly upgrade: UpgradeProtocol | undefined
}): Either.Either<void, ReadOnlyRefusal> => {
  const path = apiPath(pathOf(request.target))
  if (path === undefined) return Either.left(new PathNotParsed({}))
  if (opensChannel(path)) return Either.left(new ReadOnlySubresource({}))
  const reads = request.method === "GET" || request.method === "HEAD"
  if (request.upgrade !== undefined)
    return reads && isWatch(path, queryOf(request.target)) ? Either.void : Either.left(new ReadOnlyUpgrade({}))
  return reads || (request.method === "POST" && isSelfReview(path)) ? Either.void : Either.left(new ReadOnlyMethod({}))
}

const opensChannel = (path: ApiPath): boolean =>
  path.kind !== "nonResource" &&
  ((path.kind === "specialVerb" && path.verb === "proxy") || channels.has((path.subresource ?? "").toLowerCase()))

const isSelfReview = (path: ApiPath): boolean =>
  path.kind === "resource" &&
  selfReviews.has(`${path.group}/${path.resource}`) &&
  path.namespace === undefined &&
  path.name === undefined

/** A watch of a collection, said once and plainly. */
const isWatch = (path: ApiPath, query: string): boolean => {
  if (path.kind !== "resource" || path.name !== undefined) return false
  const values = new URLSearchParams(query).getAll("watch")
  return values.length === 1 && (values[0] === "true" || values[0] === "1")
}
