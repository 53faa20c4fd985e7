import * as http from "node:http"
import type { Socket } from "node:net"
import { type Attempt, attempting, failure } from "./attempt.ts"
import { BodyTooLarge, OutboundInvalid, RedirectRefused } from "./failures.ts"
import { openTransport, type Route } from "./openTransport.ts"

export interface JsonRequest extends Route {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON; a string is sent as it is, under the same content type unless `headers` names one. */
  readonly body?: unknown
  /** From the name lookup to the last byte of the answer. */
  readonly timeoutMillis?: number
  readonly maxBodyBytes?: number
  readonly signal?: AbortSignal | undefined
}

export interface JsonAnswer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  /** The parsed body; undefined when it is empty or not JSON, as a load balancer's own error page. */
  readonly body: unknown
  readonly text: string
}

export const REQUEST_TIMEOUT_MILLIS = 10_000

/** The largest answer of the relay's API is a registrations export, which its caller bounds itself; all else is below 100 KiB. */
export const MAX_BODY_BYTES = 1024 * 1024

/**
 * One HTTP/1.1 exchange on a connection of its own, through the proxy that the route names. Every status is an answer except
 * a redirect. Rejects with `Unreachable` (also for an answer that was cut), `BodyTooLarge`, `RedirectRefused`,
 * `OutboundInvalid` or the signal's reason. Nothing is retried.
 */
export function requestJson(address: string | URL, options: JsonRequest = {}): Promise<JsonAnswer> {
  return Promise.resolve().then(() => {
    const url = new URL(address)
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new OutboundInvalid({ setting: "URL", detail: `scheme ${url.protocol} where http: or https: is expected` })
    }
    const timeoutMillis = options.timeoutMillis ?? REQUEST_TIMEOUT_MILLIS
    return attempting(url, { timeoutMillis, signal: options.signal }, async (attempt) => {
      const socket = await openTransport(url, options, attempt)
      try {
        return await exchanged(url, socket, options, attempt)
      } finally {
        socket.destroy()
      }
    })
  })
}

function exchanged(url: URL, socket: Socket, options: JsonRequest, attempt: Attempt): Promise<JsonAnswer> {
  return new Promise((resolve, reject) => {
    const body = encoded(options.body)
    const request = http.request({
      method: options.method ?? (body === undefined ? "GET" : "POST"),
      path: `${url.pathname}${url.search}`,
      // Used only because `agent` is undefined.
      createConnection: () => socket,
      headers: {
        host: url.host,
        accept: "application/json",
        connection: "close",
        ...(body === undefined ? {} : { "content-type": "application/json", "content-length": body.length }),
        ...options.headers,
      },
    })
    const done = (settle: () => void) => {
      attempt.signal.removeEventListener("abort", onAbort)
      settle()
      request.destroy()
    }
    const fail = (error: unknown) => done(() => reject(error))
    const onAbort = () => fail(attempt.signal.reason)
    attempt.signal.addEventListener("abort", onAbort, { once: true })
    if (attempt.signal.aborted) onAbort()
    request.on("error", (error) => fail(failure(attempt, error)))
    request.on("close", () => fail(failure(attempt, new Error("the connection was closed"))))
    request.on("response", (answer) => {
      const status = answer.statusCode ?? 0
      const limitBytes = options.maxBodyBytes ?? MAX_BODY_BYTES
      if (status >= 300 && status < 400) return fail(new RedirectRefused({ target: attempt.target, status }))
      const chunks: Buffer[] = []
      let length = 0
      answer.on("data", (chunk: Buffer) => {
        length += chunk.length
        if (length > limitBytes) return fail(new BodyTooLarge({ target: attempt.target, status, limitBytes }))
        chunks.push(chunk)
      })
      // The end of a connection alone cannot tell a whole answer from a cut one.
      const delimited = "content-length" in answer.headers || "transfer-encoding" in answer.headers || status === 204
      const cut = () => fail(failure(attempt, new Error("the answer was cut")))
      answer.on("error", cut).on("aborted", cut)
      answer.on("end", () => {
        if (!answer.complete || !delimited) return cut()
        const text = Buffer.concat(chunks).toString("utf8")
        done(() => resolve({ status, headers: answer.headers, body: parsed(text), text }))
      })
    })
    request.end(body)
  })
}

function encoded(body: unknown): Buffer | undefined {
  if (body === undefined) return undefined
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body), "utf8")
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
