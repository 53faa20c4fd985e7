import type { IssuerState } from "../identity/IssuerKeys.ts"
import type { Check } from "../platform/HealthServer.ts"
import type { AuditLog } from "./audit/AuditLog.ts"
import type { Relay } from "./Relay.ts"
import type { Store } from "./store/Store.ts"

/** Whether a balancer should send anybody here. An issuer counts until its keys were read once. */
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
}): readonly Check[] => [
  relay.draining ? { name: "serving", ok: false, detail: "shutting down" } : { name: "serving", ok: true },
  writable(store),
  check("audit-log", audit.failure()),
  ...issuers.map(({ name, ready }) => check(`issuer ${name}`, ready ? undefined : "its keys have not been read yet")),
]

const check = (name: string, detail: string | undefined): Check =>
  detail === undefined ? { name, ok: true } : { name, ok: false, detail }

const writable = (store: Pick<Store, "checkWritable">): Check => {
  try {
    store.checkWritable()
    return { name: "database", ok: true }
  } catch (error) {
    return { name: "database", ok: false, detail: (error as Error).message }
  }
}
