import { Schema } from "effect"
import { type Actor, Administration } from "../admin/Administration.ts"
import type { Caller } from "../callers/Caller.ts"
import type { Exchange } from "../http/Exchange.ts"
import type { Reply } from "../http/Route.ts"
import type { Parts } from "../Parts.ts"
import type { Role } from "../policy/PolicyEntry.ts"
import { RequestInvalid } from "../refusals.ts"
import { ClusterName } from "../store/RegistrationEntry.ts"

export const adminPath = "/v1/admin"
const isClusterName = Schema.is(ClusterName)

/** What every route of the admin API begins and ends with. */
export const adminScope = (parts: Parts) => {
  const actorOf = ({ issuer, subject }: Caller, { clientAddress }: Exchange): Actor => ({
    by: "caller",
    issuer,
    subject,
    from: clientAddress,
  })
  const as = (caller: Caller, exchange: Exchange) =>
    new Administration(parts.store, parts.time.wall, actorOf(caller, exchange))
  return {
    actorOf,
    as,
    /** Refuses unless the caller has the role on the cluster that the path names. */
    onCluster: async (exchange: Exchange, role: Role) => {
      const caller = await exchange.caller()
      const name = exchange.params.cluster ?? ""
      parts.access.requireOnName(caller, name, role)
      if (!isClusterName(name)) throw new RequestInvalid({ detail: "the name of the cluster" })
      return { name, caller, admin: as(caller, exchange) }
    },
    /** Refuses unless the caller is an administrator of all clusters. */
    everywhere: async (exchange: Exchange) => {
      const caller = await exchange.caller()
      parts.access.requireAdmin(caller)
      return { caller, admin: as(caller, exchange) }
    },
    /** The change is in the database: the relay acts on it before it answers. */
    done: (cluster?: string): Reply => {
      parts.changed(cluster)
      return { status: 204 }
    },
  }
}
