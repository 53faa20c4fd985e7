import net from "node:net"
import tls from "node:tls"
import { isMachineOwnAddress, isMachineOwnHost } from "./addressRules.ts"
import { IssuerAddressRefused, IssuerCertificateRefused, IssuerUnreachable } from "./issuerFailures.ts"

/** A connected byte pipe to an issuer, before TLS. */
export interface IssuerSocket {
  readonly socket: net.Socket
  /** True when somebody else resolved the name and connected (an HTTP proxy), so that the socket's peer says nothing about the issuer. */
  readonly viaProxy: boolean
}

/** How to connect to an issuer: given by a program that goes through HTTP proxies. Must reject when the signal aborts. */
export type ConnectIssuer = (target: {
  readonly host: string
  readonly port: number
  readonly signal: AbortSignal
}) => Promise<IssuerSocket>

/** Connects straight to the issuer. */
export const connectDirectly: ConnectIssuer = ({ host, port, signal }) =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ host, port })
    const abort = () => socket.destroy(new Error("aborted"))
    signal.addEventListener("abort", abort, { once: true })
    socket.on("error", reject)
    socket.once("close", () => signal.removeEventListener("abort", abort))
    socket.once("connect", () => resolve({ socket, viaProxy: false }))
  })

/**
 * Connects to the host of an https URL and completes TLS. The address is checked on the connected socket, not on an
 * earlier look-up (a name may resolve differently the second time), and before the first byte is sent.
 */
export const connectSecurely = async (
  url: URL,
  options: {
    readonly connect: ConnectIssuer
    readonly certificateAuthority: string | readonly string[] | undefined
    readonly allowLoopback: boolean
    readonly signal: AbortSignal
  },
): Promise<tls.TLSSocket> => {
  const host = url.hostname.replace(/^\[|\]$/g, "")
  const refused = (detail: string) => new IssuerAddressRefused({ url: url.href, detail })
  if (!options.allowLoopback && isMachineOwnHost(host)) throw refused(host)
  const port = url.port === "" ? 443 : Number(url.port)
  const { socket, viaProxy } = await options.connect({ host, port, signal: options.signal }).catch((error) => {
    throw new IssuerUnreachable({ url: url.href, detail: reasonOf(error) })
  })
  // From here on errors of the socket show as the end of the TLS connection; unheard they would end the process.
  socket.on("error", () => undefined)
  if (options.signal.aborted) {
    socket.destroy()
    throw new IssuerUnreachable({ url: url.href, detail: "aborted" })
  }
  // An address that cannot be read (the peer is gone again) is refused too.
  const peer = socket.remoteAddress
  if (!viaProxy && !options.allowLoopback && (peer === undefined || isMachineOwnAddress(peer))) {
    socket.destroy()
    throw refused(peer ?? "unknown address")
  }
  return new Promise((resolve, reject) => {
    const secure = tls.connect({
      socket,
      host,
      ...(net.isIP(host) === 0 ? { servername: host } : {}),
      ...(options.certificateAuthority === undefined ? {} : { ca: [options.certificateAuthority].flat() }),
      ALPNProtocols: ["http/1.1"],
      minVersion: "TLSv1.2",
      rejectUnauthorized: true,
    })
    const abort = () => secure.destroy(new Error("aborted"))
    options.signal.addEventListener("abort", abort, { once: true })
    secure.once("close", () => {
      options.signal.removeEventListener("abort", abort)
      socket.destroy()
      reject(new IssuerCertificateRefused({ url: url.href, detail: "the connection was closed" }))
    })
    secure.on("error", (error: Error) => {
      socket.destroy()
      reject(new IssuerCertificateRefused({ url: url.href, detail: reasonOf(error) }))
    })
    secure.once("secureConnect", () => resolve(secure))
  })
}

/** A short text for an error of the network: its code where there is one. */
export const reasonOf = (error: unknown): string =>
  error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error)
