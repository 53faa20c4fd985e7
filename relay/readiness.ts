import type { IssuerState } from "../identity/IssuerKeys.ts"
import type { Check } from "../platform/HealthServer.ts"
import type { AuditLog } from "./audit/AuditLog.ts"
import type { Relay } from "./Relay.ts"
import type { Store } from "./store/Store.ts"

/**
 * Whether a balancer should send anybody here: as long as it serves. There is no other relay to send them to, and without its database, its audit
 * log or an issuer it still carries sessions and takes those of others; each is told, as a metric too.
 */
export const readiness = ({
  relay,
  store,
  audit,
  issuers,
}: {
  readonly relay: Pick<Relay, "draining">
  readonly store: Pick<Store, "checkWritable">
  readonly audit: Pick<AuditLog, "failure">
  readonly issuers: readonly IssuerState[]
}): readonly Check[] => {
  const needed = [
    told("database", faultOf(store)),
    told("audit-log", audit.failure()),
    ...issuers.map(({ name, ready }) => told(`issuer ${name}`, ready ? undefined : "its keys have not been read yet")),
  ]
  const serving = relay.draining ? { ok: false, detail: "shutting down" } : { ok: true }
  return [{ name: "serving", ...serving }, ...needed]
}

const told = (name: string, detail: string | undefined): Check =>
  detail === undefined ? { name, ok: true } : { name, ok: false, optional: true, detail }

const faultOf = (store: Pick<Store, "checkWritable">): string | undefined => {
  try {
    store.checkWritable()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
