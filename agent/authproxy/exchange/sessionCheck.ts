import { Effect } from "effect"
import type { Caller } from "../../../identity/claimMapping.ts"
import type { ApiServer } from "../upstream/ApiServer.ts"
import { mayCaller } from "../upstream/askApiServer.ts"
import { apiPath } from "./apiPath.ts"
import type { UpgradeProtocol } from "./framing.ts"
import { PathNotParsed, SessionCheckFailed, SessionForbidden } from "./refusals.ts"
import { pathOf } from "./target.ts"

export type SessionRefusal = PathNotParsed | SessionForbidden | SessionCheckFailed

/** Kubernetes 1.35 checks `create` for these whatever the transport; before, a WebSocket needed only `get`. */
const sessions = new Set(["exec", "attach", "portforward"])

/**
 * On API servers that take a WebSocket exec, attach or port-forward for a read: asks as the caller whether it may create the
 * subresource, as it had to for SPDY.
 */
export const sessionCheck = Effect.fnUntraced(function* (
  request: { readonly target: string; readonly upgrade: UpgradeProtocol | undefined },
  caller: Caller,
  api: ApiServer,
  serverChecks: boolean,
) {
  if (serverChecks || request.upgrade !== "websocket") return
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
