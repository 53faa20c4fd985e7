import { Effect } from "effect"
import type { Caller } from "../../../identity/claimMapping.ts"
import type { ApiServer } from "../upstream/ApiServer.ts"
import { mayCaller } from "../upstream/askApiServer.ts"
import { apiPath } from "./apiPath.ts"
import type { UpgradeProtocol } from "./framing.ts"
import { PathNotParsed, SessionCheckFailed, SessionForbidden } from "./refusals.ts"
import { pathOf } from "./target.ts"

/**
 * Kubernetes 1.35 checks `create` for these by itself. Before, the method alone decided: a GET needed only `get`, be it over
 * WebSocket, which has no other method, or over SPDY, where kubectl sends a POST but nobody has to.
 */
const sessions = new Set(["exec", "attach", "portforward"])

/**
 * On API servers that take an exec, attach or port-forward by GET for a read: asks as the caller whether it may create the
 * subresource, as a POST would have it checked.
 */
export const sessionCheck = Effect.fnUntraced(function* (
  request: { readonly method: string; readonly target: string; readonly upgrade: UpgradeProtocol | undefined },
  caller: Caller,
  api: ApiServer,
  serverChecks: boolean,
) {
  if (serverChecks || request.upgrade === undefined || request.method === "POST") return
  const path = apiPath(pathOf(request.target))
  if (path === undefined) return yield* new PathNotParsed({})
  if (path.kind !== "resource" || path.subresource === undefined || !sessions.has(path.subresource)) return
  const { group, resource, subresource, name = "", namespace = "" } = path
  const allowed = yield* Effect.mapError(
    mayCaller(api, caller, { verb: "create", group, resource, subresource, name, namespace }),
    ({ detail }) => new SessionCheckFailed({ detail }),
  )
  if (!allowed) return yield* new SessionForbidden({ detail: `create ${resource}/${subresource}` })
})
