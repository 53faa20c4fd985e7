import * as http from "node:http"
import * as net from "node:net"
import * as tls from "node:tls"
import { type Attempt, failure, happened } from "./attempt.ts"
import { Unreachable } from "./failures.ts"
import { type ProxySettings, proxyFor } from "./proxyRules.ts"
import { defaultRoots, type TrustedRoots } from "./trustedRoots.ts"

/** How a program reaches the outside: both come from its configuration, once. */
export interface Route {
  /** Without it every connection is direct. */
  readonly proxy?: ProxySettings | undefined
  /** Without it the runtime's and the system's roots. */
  readonly ca?: TrustedRoots | undefined
}

/**
 * A connected socket to the URL's host: through the HTTP proxy that the rules name (CONNECT, for every scheme), with verified
 * TLS for https and wss. Rejects with {@link Unreachable} naming the stage, or with the attempt's abort reason; then nothing
 * stays open.
 */
export function openTransport(url: URL, route: Route, attempt: Attempt): Promise<net.Socket> {
  return opening(async (keep) => {
    const { socket } = await piped(url, route, attempt, keep)
    if (!isSecure(url)) return socket
    attempt.stage = "tls"
    return secured(keep(wrapped(socket, url, route.ca ?? defaultRoots())), attempt)
  }, attempt)
}

/** As {@link openTransport}, without the TLS to the URL's host. `viaProxy`: a proxy resolved the name and connected. */
export function openPipe(
  url: URL,
  route: Route,
  attempt: Attempt,
): Promise<{ readonly socket: net.Socket; readonly viaProxy: boolean }> {
  return opening((keep) => piped(url, route, attempt, keep), attempt)
}

type Keep = <S extends net.Socket>(socket: S) => S

async function opening<A>(open: (keep: Keep) => Promise<A>, attempt: Attempt): Promise<A> {
  const opened: net.Socket[] = []
  try {
    const made = await open((socket) => {
      opened.push(socket)
      // An error between two steps, or after the failure was reported, has nobody else to hear it.
      socket.on("error", () => {})
      return socket
    })
    attempt.stage = "http"
    return made
  } catch (error) {
    for (const socket of opened) socket.destroy()
    throw error
  }
}

async function piped(url: URL, route: Route, attempt: Attempt, keep: Keep) {
  const proxy = proxyFor(url, route.proxy ?? {})
  attempt.stage = proxy ? "proxy" : net.isIP(hostOf(url)) ? "tcp" : "dns"
  let socket: net.Socket = keep(net.connect({ host: hostOf(proxy ?? url), port: portOf(proxy ?? url) }))
  socket.once("lookup", (error: Error | null) => {
    if (!error && !proxy) attempt.stage = "tcp"
  })
  await happened(socket, "connect", attempt)
  if (proxy?.protocol === "https:")
    socket = await secured(keep(wrapped(socket, proxy, route.ca ?? defaultRoots())), attempt)
  if (proxy) socket = await tunnelled(socket, proxy, attempt)
  return { socket, viaProxy: proxy !== undefined }
}

function wrapped(socket: net.Socket, url: URL, { secureContext }: TrustedRoots): tls.TLSSocket {
  const host = hostOf(url)
  return tls.connect({
    socket,
    host,
    // RFC 6066 section 3: an address is never sent as a server name; the certificate is then compared with `host`.
    ...(net.isIP(host) ? {} : { servername: host }),
    secureContext,
    ALPNProtocols: ["http/1.1"],
    rejectUnauthorized: true,
  })
}

async function secured(socket: tls.TLSSocket, attempt: Attempt): Promise<tls.TLSSocket> {
  await happened(socket, "secureConnect", attempt)
  return socket
}

async function tunnelled(socket: net.Socket, proxy: URL, attempt: Attempt): Promise<net.Socket> {
  const authorization = proxyAuthorization(proxy)
  const request = http.request({
    method: "CONNECT",
    path: attempt.target,
    // Used only because `agent` is undefined.
    createConnection: () => socket,
    headers: { host: attempt.target, ...(authorization ? { "proxy-authorization": authorization } : {}) },
  })
  request.on("error", () => {}).end()
  const [answer, , head] = (await happened(request, "connect", attempt)) as [http.IncomingMessage, net.Socket, Buffer]
  const status = answer.statusCode ?? 0
  if (status < 200 || status > 299) {
    const detail = status === 407 ? "the proxy wants a user name and password (407)" : `the proxy answered ${status}`
    throw new Unreachable({ stage: "proxy", target: attempt.target, detail, code: `PROXY_${status}` })
  }
  if (head.length > 0) throw failure(attempt, new Error("the proxy sent bytes before the target could have"))
  return socket
}

function proxyAuthorization(proxy: URL): string | undefined {
  if (proxy.username === "" && proxy.password === "") return undefined
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return `Basic ${Buffer.from(credentials, "utf8").toString("base64")}`
}

function isSecure(url: URL): boolean {
  return url.protocol === "https:" || url.protocol === "wss:"
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "")
}

function portOf(url: URL): number {
  return url.port === "" ? (isSecure(url) ? 443 : 80) : Number(url.port)
}
