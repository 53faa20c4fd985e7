import * as http from "node:http"
import * as net from "node:net"
import * as tls from "node:tls"

/** Where the API server is and who we are there; taken anew for every call, so that a rotated token is used. */
export interface Access {
  readonly url: URL
  readonly ca: string | Buffer | undefined
  readonly cert: string | Buffer | undefined
  readonly key: string | Buffer | undefined
  readonly serverName: string | undefined
  /** With the Authorization header where there is a token. */
  readonly headers: Readonly<Record<string, string>>
}

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
  /** Path and query. */
  readonly path: string
  readonly body?: unknown
  readonly contentType?: string
}

/**
 * From the call to a ready connection. A process that was stopped in between learns on waking that its time is over, and
 * sends nothing: with the 10 s of a leader's renewal this stays below the 15 s of its lease.
 */
const DIAL_MILLIS = 4_000

/**
 * One HTTP/1.1 exchange on a connection of its own; gives the answer when its head is there. Rejects with the socket's or
 * the signal's reason. Nothing is retried, no redirect is followed; the signal ends it at every point.
 */
export async function exchange(access: Access, call: Call, signal: AbortSignal): Promise<http.IncomingMessage> {
  const socket = await dialled(access, signal)
  const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body), "utf8")
  return await new Promise((resolve, reject) => {
    const request = http.request({
      method: call.method,
      path: call.path,
      // Used only because `agent` is undefined.
      createConnection: () => socket,
      headers: {
        ...access.headers,
        host: access.url.host,
        accept: "application/json",
        connection: "close",
        ...(body && { "content-type": call.contentType ?? "application/json", "content-length": body.length }),
      },
    })
    const onAbort = () => {
      reject(signal.reason)
      request.destroy()
      socket.destroy()
    }
    signal.addEventListener("abort", onAbort, { once: true })
    if (signal.aborted) onAbort()
    socket.once("close", () => signal.removeEventListener("abort", onAbort))
    request.on("error", reject)
    request.on("close", () => reject(new Error("the connection was closed")))
    request.on("response", resolve)
    request.end(body)
  })
}

function dialled(access: Access, signal: AbortSignal): Promise<tls.TLSSocket> {
  const { url, serverName, ca, cert, key } = access
  const host = url.hostname.replace(/^\[|\]$/g, "")
  const name = serverName ?? (net.isIP(host) ? undefined : host)
  const begun = performance.now()
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const socket = tls.connect({
      host,
      port: url.port === "" ? 443 : Number(url.port),
      // RFC 6066 section 3: an address is never sent as a server name.
      ...(name !== undefined && { servername: name }),
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ALPNProtocols: ["http/1.1"],
      rejectUnauthorized: true,
    })
    const late = setTimeout(() => fail(new Error(`no connection within ${DIAL_MILLIS} ms`)), DIAL_MILLIS)
    const settled = () => {
      clearTimeout(late)
      signal.removeEventListener("abort", onAbort)
    }
    const fail = (reason: unknown) => {
      settled()
      socket.destroy()
      reject(reason)
    }
    const onAbort = () => fail(signal.reason)
    signal.addEventListener("abort", onAbort, { once: true })
    // Stays: an error after the exchange has nobody else to hear it.
    socket.on("error", fail)
    socket.once("close", () => fail(new Error("the connection was closed")))
    socket.once("secureConnect", () => {
      if (performance.now() - begun > DIAL_MILLIS) return fail(new Error(`no connection within ${DIAL_MILLIS} ms`))
      settled()
      resolve(socket)
    })
  })
}

/** The largest answer read whole: a page of 500 objects of the largest kind that the operator lists, with much room. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/** The whole body as text; rejects when it was cut. */
export async function wholeText(answer: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  if (!answer.complete) throw new Error("the answer was cut")
  return Buffer.concat(chunks).toString("utf8")
}
