import type { ImpersonationProfile } from "../../../identity/impersonationRoles.ts"
import type { JwtEntry } from "../../../identity/JwtEntry.ts"
import type { TokenVerifierService } from "../../../identity/TokenVerifier.ts"
import type { ApiServer } from "../upstream/ApiServer.ts"

/** What is in force for a request that begins now. Immutable: a reload makes another one, and requests under way keep theirs. */
export interface Policy {
  readonly clusterName: string
  readonly verifier: Pick<TokenVerifierService, "verify">
  /** By the entry's name. */
  readonly entries: ReadonlyMap<string, JwtEntry>
  readonly profile: ImpersonationProfile
  readonly allowNested: boolean
  readonly maxSessionMillis: number
  readonly apiServer: ApiServer
  /** False until the server is known to check `create` for WebSocket sessions by itself (1.35). */
  readonly serverChecksSessions: () => boolean
}
