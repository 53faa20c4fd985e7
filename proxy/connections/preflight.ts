import { refusalFrom } from "../../protocol/status.ts"
import { NotAuthenticated, PathBroken, RefusedByPolicy } from "../failures.ts"
import { answerMillis, askThrough } from "./askThrough.ts"
import type { ConnectionPool } from "./ConnectionPool.ts"
import type { EndToEndConnection } from "./EndToEndConnection.ts"

/**
 * One harmless request through everything, so that a wrong token or a broken hop shows at the start and not at the first kubectl.
 * What the API server itself says is no failure of the path. Waits `withinMillis` for a connection, 8 s if that is not given.
 * @throws {PathFailure}
 */
export const preflight = async (
  cluster: string,
  pool: ConnectionPool<EndToEndConnection>,
  token: string,
  withinMillis?: number,
): Promise<void> => {
  const signal = AbortSignal.timeout(answerMillis + answerMillis)
  const connection = await pool.acquire("attached", signal, withinMillis)
  try {
    const { status, body } = await askThrough(cluster, connection, { method: "GET", path: "/version", token })
    pool.release(connection)
    judge(cluster, status, body)
  } catch (error) {
    pool.discard(connection, "preflight-failed")
    throw error
  }
}

/** What an answer says about the caller and the path; the API server's own refusals are none of them. @throws {PathFailure} */
export const judge = (cluster: string, status: number, body: string): void => {
  const refusal = refusalFrom(status, body)
  if (status === 401)
    throw new NotAuthenticated({
      hop: refusal?.hop ?? "auth-proxy",
      cause: refusal?.cause ?? "Unauthorized",
      detail: `cluster ${cluster} did not accept the cluster token: ${refusal?.message ?? "401"}. Get a new one, and check its issuer and audience`,
    })
  if (refusal === undefined) return
  const situation = { hop: refusal.hop, cause: refusal.cause, detail: refusal.message }
  if (status === 403) throw new RefusedByPolicy(situation)
  if (status >= 500) throw new PathBroken(situation)
}
