import http from "node:http"
import { clusterServerName } from "../../protocol/names.ts"
import { PathBroken } from "../failures.ts"
import type { EndToEndConnection } from "./EndToEndConnection.ts"

/** A Status, a version or a review is below 16 KiB. */
const maxAnswerBytes = 64 * 1024
/** The API server answers `/version` at once; ten seconds is the design's time for an honest failure. */
export const answerMillis = 10_000

export interface Question {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly token: string
  /** Sent as JSON. */
  readonly body?: unknown
}

export interface WholeAnswer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** One small request of our own on a connection, and its whole answer. Rejects with a PathFailure. */
export const askThrough = (cluster: string, connection: EndToEndConnection, question: Question) =>
  new Promise<WholeAnswer>((resolve, reject) => {
    const host = clusterServerName(cluster)
    const sent = question.body === undefined ? undefined : Buffer.from(JSON.stringify(question.body), "utf8")
    const fail = (detail: string) => {
      clearTimeout(timer)
      reject(connection.finalFailure ?? new PathBroken({ hop: "auth-proxy", cause: "NoAnswer", detail }))
    }
    const request = http.request({
      agent: connection.agent,
      host,
      method: question.method,
      path: question.path,
      headers: [
        "Host",
        host,
        "Authorization",
        `Bearer ${question.token}`,
        "Accept",
        "application/json",
        "Connection",
        "keep-alive",
        ...(sent === undefined ? [] : ["Content-Type", "application/json", "Content-Length", String(sent.length)]),
      ],
    })
    const timer = setTimeout(() => {
      fail(`cluster ${cluster} did not answer within ${answerMillis / 1000} s`)
      request.destroy()
    }, answerMillis)
    let whole: WholeAnswer | undefined
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
        whole = {
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: Buffer.concat(chunks).toString("utf8"),
        }
        // The request may have closed already.
        if (request.destroyed || request.closed) resolve(whole)
      })
    })
    request.end(sent)
  })
