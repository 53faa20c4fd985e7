import { Schema } from "effect"
import { restoreCaller, revokeCaller } from "../admin/callersByIssuer.ts"
import { exportRegistrations, importRegistrations } from "../admin/transfer.ts"
import { maxAdminBodyBytes, maxImportBytes } from "../configuration/limits.ts"
import { readJson } from "../http/Exchange.ts"
import type { Route } from "../http/Route.ts"
import type { Parts } from "../Parts.ts"
import { RegistrationFile } from "../store/RegistrationEntry.ts"
import { adminPath, adminScope } from "./adminScope.ts"
import { caller as callerShape, flag, list, object, optional, registrations, text, time } from "./shapes.ts"

const CallerName = Schema.Struct({
  /** The issuer's name in the configuration, or its URL. */
  issuer: Schema.NonEmptyString,
  subject: Schema.NonEmptyString,
})
const CallerToRevoke = Schema.Struct({
  ...CallerName.fields,
  /** Takes an issuer that is not in the configuration (any more) as it is written. */
  unconfiguredIssuer: Schema.optionalWith(Schema.Boolean, { default: () => false }),
})

/** What concerns all clusters: revoked callers, and registrations as a file. */
export const adminRelayRoutes = (parts: Parts): readonly Route[] => {
  const { store, registry, settings } = parts
  const { everywhere, actorOf, done } = adminScope(parts)
  return [
    {
      kind: "request",
      method: "GET",
      path: `${adminPath}/callers`,
      operationId: "adminRevokedCallers",
      summary: "Callers that are revoked.",
      authentication: "caller",
      gives: object({ revoked: list(object({ issuer: text, subject: text, revokedAt: time })) }),
      answer: async (exchange) => {
        const { admin } = await everywhere(exchange)
        return { status: 200, body: { revoked: admin.revokedCallers() } }
      },
    },
    {
      kind: "request",
      method: "POST",
      path: `${adminPath}/callers/revoke`,
      operationId: "adminRevokeCaller",
      summary:
        "Cut a caller's carriers within 5 s and admit them no more. The issuer is a configured one's name or URL; unconfiguredIssuer takes any other as it is written.",
      authentication: "caller",
      takes: object({ issuer: text, subject: text, unconfiguredIssuer: optional(flag) }),
      answer: async (exchange) => {
        await everywhere(exchange)
        const { unconfiguredIssuer, ...caller } = await readJson(exchange.request, CallerToRevoke, maxAdminBodyBytes)
        // Asked again after the wait for the body: rights lost meanwhile are lost.
        const { admin } = await everywhere(exchange)
        revokeCaller(admin, settings().issuers, caller, unconfiguredIssuer)
        return done()
      },
    },
    {
      kind: "request",
      method: "POST",
      path: `${adminPath}/callers/restore`,
      operationId: "adminRestoreCaller",
      summary: "Admit a revoked caller again. The issuer is a configured one's name or URL, or as the list has it.",
      authentication: "caller",
      takes: callerShape,
      answer: async (exchange) => {
        await everywhere(exchange)
        const caller = await readJson(exchange.request, CallerName, maxAdminBodyBytes)
        const { admin } = await everywhere(exchange)
        restoreCaller(admin, settings().issuers, caller)
        return done()
      },
    },
    {
      kind: "request",
      method: "GET",
      path: `${adminPath}/registrations`,
      operationId: "adminExport",
      summary: "All registrations, as a file that another relay imports or takes as configuration.",
      authentication: "caller",
      gives: registrations,
      answer: async (exchange) => {
        await everywhere(exchange)
        return { status: 200, body: Schema.encodeSync(RegistrationFile)(exportRegistrations(store)) }
      },
    },
    {
      kind: "request",
      method: "POST",
      path: `${adminPath}/registrations`,
      operationId: "adminImport",
      summary:
        "Add registrations; an existing one is never replaced by another identity. Of one that is added with a document for another relay's URL only the identity is taken: withoutDocument.",
      authentication: "caller",
      takes: registrations,
      gives: object({
        added: list(text),
        updated: list(text),
        unchanged: list(text),
        refused: list(object({ name: text, reason: text })),
        withoutDocument: list(object({ name: text, reason: text })),
      }),
      answer: async (exchange) => {
        await everywhere(exchange)
        const file = await readJson(exchange.request, RegistrationFile, maxImportBytes)
        // Asked again after the wait for the body: rights lost meanwhile are lost.
        const { caller } = await everywhere(exchange)
        const actor = actorOf(caller, exchange)
        const body = importRegistrations(store, file, { publicUrl: registry.publicUrl, now: parts.time.wall(), actor })
        parts.changed(undefined)
        return { status: 200, body }
      },
    },
  ]
}
