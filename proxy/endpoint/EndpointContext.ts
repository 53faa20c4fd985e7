import type { Log } from "../../platform/logs.ts"
import type { ConnectionPool } from "../connections/ConnectionPool.ts"
import type { EndToEndConnection } from "../connections/EndToEndConnection.ts"

/** What every exchange of one cluster's endpoint works with. */
export interface EndpointContext {
  readonly cluster: string
  /** Normalised: through which relay the cluster is reached. */
  readonly relay: string
  /** The settings for that relay, by their name; undefined where there are none. */
  readonly profile: string | undefined
  readonly pool: ConnectionPool<EndToEndConnection>
  /** The caller's own token for the cluster, as it is now. Rejects with NotAuthenticated. */
  readonly clusterToken: () => Promise<string>
  readonly log: Log
}

/** Room for a token with hundreds of groups; the same at every hop. */
export const maxHeaderBytes = 65_536
