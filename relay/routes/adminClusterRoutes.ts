import { Schema } from "effect"
import { maxJoinTokenSeconds } from "../../protocol/enrolment.ts"
import { pinOf } from "../../protocol/keys.ts"
import { clusterView, tokenView } from "../admin/views.ts"
import { maxAdminBodyBytes } from "../configuration/limits.ts"
import { readJson } from "../http/Exchange.ts"
import type { Route } from "../http/Route.ts"
import type { Parts } from "../Parts.ts"
import { KeyUnknown, TokenUnknown } from "../refusals.ts"
import { IdentityKey } from "../store/RegistrationEntry.ts"
import { adminPath, adminScope } from "./adminScope.ts"
import { cluster, count, flag, joinToken, jwk, list, object, optional, text, time } from "./shapes.ts"

const NewToken = Schema.Struct({
  replace: Schema.optional(Schema.Boolean),
  expiresInSeconds: Schema.optional(Schema.Int),
})
const ListedKey = Schema.Struct({ identityKey: IdentityKey })

/** Clusters, their keys and join tokens, as the commands on the relay's host have them. */
export const adminClusterRoutes = (parts: Parts): readonly Route[] => {
  const { access, store, registry, directory } = parts
  const { onCluster, as, done } = adminScope(parts)
  return [
    {
      kind: "request",
      method: "GET",
      path: `${adminPath}/clusters`,
      operationId: "adminClusters",
      summary: "All clusters that the caller may enrol or administer.",
      authentication: "caller",
      gives: object({ clusters: list(cluster) }),
      answer: async ({ caller }) => {
        const { policy } = parts.settings()
        const known = await caller()
        const names = registry.names().filter((name) => policy.allows(known, name, "enrol"))
        return { status: 200, body: { clusters: names.map((name) => clusterView(name, store, registry, directory)) } }
      },
    },
    {
      kind: "request",
      method: "DELETE",
      path: `${adminPath}/clusters/{cluster}`,
      operationId: "adminDeregister",
      summary: "Forget a cluster's registration and its listed keys.",
      authentication: "caller",
      answer: async (exchange) => {
        const { name, admin } = await onCluster(exchange, "admin")
        admin.deregister(name)
        return done(name)
      },
    },
    {
      kind: "request",
      method: "POST",
      path: `${adminPath}/clusters/{cluster}/token`,
      operationId: "adminCreateToken",
      summary: `Make a join token; it lives at most ${maxJoinTokenSeconds} seconds. Role enrol; with replace, role admin.`,
      authentication: "caller",
      takes: object({ replace: optional(flag), expiresInSeconds: optional(count) }),
      gives: object({ token: text, id: text, expiresAt: time }),
      answer: async (exchange) => {
        await onCluster(exchange, "enrol")
        const { replace, expiresInSeconds } = await readJson(exchange.request, NewToken, maxAdminBodyBytes)
        // Asked again after the wait for the body: rights lost meanwhile are lost.
        const { name, admin, caller } = await onCluster(exchange, "enrol")
        if (replace === true) access.requireOnName(caller, name, "admin")
        const { token, about } = admin.createToken(name, { replace, seconds: expiresInSeconds })
        // Nothing that is open depends on a token: only its cluster's part is judged, for the line that is to be told.
        parts.changed(name)
        return { status: 201, body: { token, id: about.id, expiresAt: about.expiresAt.toISOString() } }
      },
    },
    {
      kind: "request",
      method: "POST",
      path: `${adminPath}/clusters/{cluster}/keys`,
      operationId: "adminListKey",
      summary:
        "List a public identity key: the cluster that holds it needs no token. Role enrol; for a registered cluster, role admin.",
      authentication: "caller",
      takes: object({ identityKey: jwk }),
      answer: async (exchange) => {
        await onCluster(exchange, "enrol")
        const { identityKey } = await readJson(exchange.request, ListedKey, maxAdminBodyBytes)
        // Asked again after the wait for the body: rights may be lost and the cluster registered meanwhile.
        const { name, admin, caller } = await onCluster(exchange, "enrol")
        if (registry.registration(name) !== undefined || registry.isTakenFrom(name, identityKey))
          access.requireOnName(caller, name, "admin")
        admin.listKey(name, identityKey)
        return done(name)
      },
    },
    {
      kind: "request",
      method: "DELETE",
      path: `${adminPath}/clusters/{cluster}/keys/{pin}`,
      operationId: "adminUnlistKey",
      summary: "Take a listed key back, by its pin.",
      authentication: "caller",
      answer: async (exchange) => {
        const { name, admin } = await onCluster(exchange, "admin")
        const key = store.clusters.listedKeys(name).find((one) => pinOf(one) === exchange.params.pin)
        if (key === undefined) throw new KeyUnknown()
        admin.unlistKey(name, key)
        return done(name)
      },
    },
    ...(["revoke", "restore"] as const).map(
      (verb): Route => ({
        kind: "request",
        method: "POST",
        path: `${adminPath}/clusters/{cluster}/${verb}`,
        operationId: verb === "revoke" ? "adminRevokeCluster" : "adminRestoreCluster",
        summary:
          verb === "revoke"
            ? "Cut a cluster's sessions and carriers within 5 s and admit it no more."
            : "Admit a revoked cluster again.",
        authentication: "caller",
        answer: async (exchange) => {
          const { name, admin } = await onCluster(exchange, "admin")
          if (verb === "revoke") admin.revokeCluster(name, registry.isKnown(name))
          else admin.restoreCluster(name)
          return done(name)
        },
      }),
    ),
    {
      kind: "request",
      method: "GET",
      path: `${adminPath}/tokens`,
      operationId: "adminTokens",
      summary: "Join tokens of clusters that the caller may enrol; never the tokens themselves.",
      authentication: "caller",
      gives: object({ tokens: list(joinToken) }),
      answer: async ({ caller }) => {
        const known = await caller()
        const { policy } = parts.settings()
        const tokens = store.tokens.all().filter((token) => policy.allows(known, token.cluster, "enrol"))
        return { status: 200, body: { tokens: tokens.map(tokenView) } }
      },
    },
    {
      kind: "request",
      method: "DELETE",
      path: `${adminPath}/tokens/{id}`,
      operationId: "adminDeleteToken",
      summary: "Take a join token back.",
      authentication: "caller",
      answer: async (exchange) => {
        const caller = await exchange.caller()
        const id = exchange.params.id ?? ""
        const found = store.tokens.all().find((token) => token.id === id)
        if (found === undefined || !parts.settings().policy.allows(caller, found.cluster, "enrol"))
          throw new TokenUnknown()
        as(caller, exchange).deleteToken(id)
        return done(found.cluster)
      },
    },
  ]
}
