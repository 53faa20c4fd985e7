import type { AuditLine } from "./audit/AuditLog.ts"
import type { Access } from "./callers/Access.ts"
import type { FailedJoins } from "./enrolment/FailedJoins.ts"
import type { OperatorNonces } from "./enrolment/OperatorNonces.ts"
import type { Registry } from "./enrolment/Registry.ts"
import type { JsonSchema } from "./http/Route.ts"
import type { PendingUpgrade } from "./http/webSockets.ts"
import type { Settings } from "./Settings.ts"
import type { Directory } from "./sessions/Directory.ts"
import type { Store } from "./store/Store.ts"
import type { Streams } from "./streams/Streams.ts"
import type { Time } from "./time/Time.ts"

/** What the routes of one relay work with. */
export interface Parts {
  readonly time: Time
  readonly settings: () => Settings
  readonly store: Store
  readonly registry: Registry
  readonly access: Access
  readonly nonces: OperatorNonces
  readonly failedJoins: FailedJoins
  readonly directory: Directory
  readonly streams: Streams
  readonly audit: (line: AuditLine) => void
  /** The same for peers who have not shown who they are, at a bounded rate. */
  readonly auditUnidentified: (line: AuditLine) => void
  readonly openApi: () => JsonSchema
  readonly isDraining: () => boolean
  readonly acceptControl: (upgrade: PendingUpgrade, address: string) => void
  /** The database was changed by a request, in this cluster's matters or in others'. */
  readonly changed: (cluster: string | undefined) => void
}
