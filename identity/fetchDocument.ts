import type { IncomingMessage } from "node:http"
import https from "node:https"
import { Effect } from "effect"
import { type ConnectIssuer, connectSecurely, reasonOf } from "./issuerConnection.ts"
import {
  IssuerAnswerCut,
  IssuerAnswerMalformed,
  IssuerAnswerTooLarge,
  type IssuerFailure,
  IssuerRedirected,
  IssuerStatusUnexpected,
  IssuerTimeout,
  IssuerUnreachable,
} from "./issuerFailures.ts"
import { JsonFaultOf, type JsonObject, parseStrictObject } from "./strictJson.ts"

/** The largest real key sets (one certificate chain per key) are below 100 KiB. */
export const maximumDocumentBytes = 512 * 1024
/** For one document, from the look-up of the name to the last byte. */
export const documentTimeoutMillis = 5_000

export interface FetchOptions {
  readonly connect: ConnectIssuer
  readonly certificateAuthority: string | readonly string[] | undefined
  readonly allowLoopback: boolean
  readonly timeoutMillis: number
}

/**
 * Gets one JSON object over https: one connection of its own, no redirects, no content coding, bounded in time and size.
 * The bound on time is for the whole exchange, so that a server which sends a byte now and then gains nothing.
 */
export const fetchDocument = (url: URL, options: FetchOptions): Effect.Effect<JsonObject, IssuerFailure> =>
  Effect.async((resume) => {
    const aborter = new AbortController()
    let settled = false
    const settle = (result: Effect.Effect<JsonObject, IssuerFailure>) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      aborter.abort()
      resume(result)
    }
    const timer = setTimeout(
      () => settle(Effect.fail(new IssuerTimeout({ url: url.href, detail: `${options.timeoutMillis} ms` }))),
      options.timeoutMillis,
    )
    exchange(url, { ...options, signal: aborter.signal }).then(
      (document) => settle(Effect.succeed(document)),
      (failure) => settle(Effect.fail(failure as IssuerFailure)),
    )
    return Effect.sync(() => settle(Effect.interrupt))
  })

/** Rejects only with an IssuerFailure. The connection lives until the signal aborts, which ends it in every phase. */
const exchange = async (url: URL, options: FetchOptions & { signal: AbortSignal }): Promise<JsonObject> => {
  const socket = await connectSecurely(url, options)
  return new Promise<JsonObject>((resolve, reject) => {
    const lost = (detail: string) => reject(new IssuerUnreachable({ url: url.href, detail }))
    socket.once("close", () => lost("the connection was closed before the answer"))
    const request = https.request(
      {
        createConnection: () => socket,
        host: url.hostname,
        port: url.port === "" ? 443 : Number(url.port),
        path: `${url.pathname}${url.search}`,
        headers: {
          accept: "application/json, application/jwk-set+json",
          "accept-encoding": "identity",
          connection: "close",
        },
      },
      (response) => receive(url, response, resolve, reject),
    )
    request.on("error", (error) => lost(reasonOf(error)))
    request.end()
  })
}

const receive = (
  url: URL,
  response: IncomingMessage,
  resolve: (document: JsonObject) => void,
  reject: (failure: IssuerFailure) => void,
) => {
  const { href } = url
  const { statusCode = 0 } = response
  // Always read on to the end of the connection, which the rejection destroys: an unread answer must not linger.
  response.on("error", (error) => reject(new IssuerAnswerCut({ url: href, detail: reasonOf(error) })))
  if (statusCode >= 300 && statusCode < 400) return reject(new IssuerRedirected({ url: href, detail: `${statusCode}` }))
  if (statusCode !== 200) return reject(new IssuerStatusUnexpected({ url: href, detail: `${statusCode}` }))
  const tooLarge = () =>
    reject(new IssuerAnswerTooLarge({ url: href, detail: `more than ${maximumDocumentBytes} bytes` }))
  if (Number(response.headers["content-length"] ?? 0) > maximumDocumentBytes) return tooLarge()
  const chunks: Buffer[] = []
  let received = 0
  response.on("data", (chunk: Buffer) => {
    received += chunk.length
    if (received > maximumDocumentBytes) tooLarge()
    else chunks.push(chunk)
  })
  response.on("end", () => {
    const expected = response.headers["content-length"]
    if (!response.complete || (expected !== undefined && Number(expected) !== received))
      return reject(new IssuerAnswerCut({ url: href, detail: `${received} bytes` }))
    const document = parseStrictObject(Buffer.concat(chunks))
    if (document instanceof JsonFaultOf) reject(new IssuerAnswerMalformed({ url: href, detail: document.what.fault }))
    else resolve(document)
  })
}
