import http from "node:http"
import { clusterServerName } from "../../protocol/names.ts"
import { refusalFrom } from "../../protocol/status.ts"
import { NotAuthenticated, PathBroken, RefusedByPolicy } from "../failures.ts"
import type { ConnectionPool } from "./ConnectionPool.ts"
import type { EndToEndConnection } from "./EndToEndConnection.ts"

/** A Status or a version is below 4 KiB. */
const maxAnswerBytes = 64 * 1024
/** The API server answers `/version` at once; ten seconds is the design's time for an honest failure. */
const answerMillis = 10_000

/**
 * One harmless request through everything, so that a wrong token or a broken hop shows at the start and not at the first kubectl.
 * What the API server itself says is no failure of the path. @throws {PathFailure}
 */
export const preflight = async (
  cluster: string,
  pool: ConnectionPool<EndToEndConnection>,
  token: string,
): Promise<void> => {
  const connection = await pool.acquire("attached", AbortSignal.timeout(answerMillis + answerMillis))
  try {
    const { status, body } = await asked(cluster, connection, token)
    pool.release(connection)
    judge(cluster, status, body)
  } catch (error) {
    pool.discard(connection, "preflight-failed")
    throw error
  }
}

const asked = (cluster: string, connection: EndToEndConnection, token: string) =>
  new Promise<{ status: number; body: string }>((resolve, reject) => {
    const host = clusterServerName(cluster)
    const fail = (detail: string) => {
      clearTimeout(timer)
      reject(connection.finalFailure ?? new PathBroken({ hop: "auth-proxy", cause: "NoAnswer", detail }))
    }
    const request = http.request({
      agent: connection.agent,
      host,
      path: "/version",
      headers: [
        "Host",
        host,
        "Authorization",
        `Bearer ${token}`,
        "Accept",
        "application/json",
        "Connection",
        "keep-alive",
      ],
    })
    const timer = setTimeout(() => {
      fail(`cluster ${cluster} did not answer within ${answerMillis / 1000} s`)
      request.destroy()
    }, answerMillis)
    let whole: { status: number; body: string } | undefined
    request.on("error", (error) => fail(`cluster ${cluster} did not answer: ${error.message}`))
    request.on("close", () => {
      clearTimeout(timer)
      if (whole === undefined) fail(`cluster ${cluster} did not answer: the connection was closed`)
      else resolve(whole)
    })
    request.on("response", (answer) => {
      const chunks: Buffer[] = []
      let length = 0
      answer.on("error", () => {})
      answer.on("data", (chunk: Buffer) => {
        length += chunk.length
        if (length > maxAnswerBytes) return request.destroy()
        chunks.push(chunk)
      })
      answer.on("end", () => {
        if (!answer.complete) return
        whole = { status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }
        // The request may have closed already.
        if (request.destroyed || request.closed) resolve(whole)
      })
    })
    request.end()
  })

const judge = (cluster: string, status: number, body: string): void => {
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
