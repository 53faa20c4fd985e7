import type net from "node:net"
import tls from "node:tls"
import { clusterServerName } from "../../protocol/names.ts"
import { PathBroken } from "../failures.ts"

/** TLS inside the stream is done in one round trip; the auth proxy itself gives it 10 s. */
export const tlsMillis = 8_000

/** The far end's certificate does not chain to the document's roots: the document may be older than a rotation. */
export class CertificateNotTrusted extends Error {
  override readonly name = "CertificateNotTrusted"
}

/**
 * TLS 1.3 with the cluster's auth proxy over a stream's socket: only a certificate of this cluster's name under these roots is
 * taken. @throws {CertificateNotTrusted} or {PathBroken}; then the socket is gone
 */
export const endToEndTls = (socket: net.Socket, cluster: string, roots: readonly string[]): Promise<tls.TLSSocket> =>
  new Promise((resolve, reject) => {
    const servername = clusterServerName(cluster)
    const secure = tls.connect({
      socket,
      ca: [...roots],
      servername,
      host: servername,
      rejectUnauthorized: true,
      minVersion: "TLSv1.3",
      ALPNProtocols: ["http/1.1"],
      // Upgraded connections are half-closed by either side; without this the first end would cut the other direction.
      allowHalfOpen: true,
    } as tls.ConnectionOptions)
    const settle = (body: () => void) => {
      clearTimeout(timer)
      secure.off("error", onError).off("close", onClose)
      body()
    }
    const fail = (error: Error) =>
      settle(() => {
        secure.on("error", () => {}).destroy()
        socket.destroy()
        reject(error)
      })
    const onError = (error: Error) => fail(tlsFailure(cluster, error))
    const onClose = () => fail(tlsFailure(cluster, new Error("the connection was closed")))
    const timer = setTimeout(() => fail(tlsFailure(cluster, new Error(`nothing for ${tlsMillis} ms`))), tlsMillis)
    secure.on("error", onError).on("close", onClose)
    secure.once("secureConnect", () => settle(() => resolve(secure)))
  })

const certificateCodes = /^(CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|ERR_TLS_CERT|INVALID_CA|HOSTNAME_MISMATCH)/

const tlsFailure = (cluster: string, error: Error): Error => {
  const code = (error as NodeJS.ErrnoException).code ?? ""
  if (certificateCodes.test(code)) return new CertificateNotTrusted(`${code}: ${error.message}`)
  return new PathBroken({
    hop: "auth-proxy",
    cause: "TlsFailed",
    detail: `no end-to-end TLS with the auth proxy of cluster ${cluster}: ${error.message}`,
  })
}
