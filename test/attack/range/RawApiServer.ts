import { once } from "node:events"
import type { AddressInfo, Socket } from "node:net"
import tls from "node:tls"
import { createAuthority } from "../../cluster/credentials/CertificateAuthority.ts"

/** One connection of the auth proxy, with the bytes that came over it (latin1: a character is a byte). */
export interface RawArrival {
  readonly socket: Socket
  received: string
}

/** A TLS server in the API server's place that answers whatever a test wants, well-formed or not, and keeps what it got. */
export interface RawApiServer {
  readonly url: string
  readonly caPem: string
  readonly arrivals: RawArrival[]
  /** Called once for each connection, with its first request head. The auth proxy's own questions are answered already. */
  answer: (socket: Socket, head: string) => void
  stop(): Promise<void>
}

export const answerOf = (status: string, body: string): string =>
  `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

const ownAnswer = (head: string): string | undefined => {
  if (head.startsWith("GET /version ")) return answerOf("200 OK", '{"major":"1","minor":"37"}')
  if (head.includes("Impersonate-User: clusterconnect-probe"))
    return answerOf("201 Created", '{"status":{"userInfo":{"username":"clusterconnect-probe"}}}')
  return undefined
}

export const startRawApiServer = async (host: string): Promise<RawApiServer> => {
  const authority = await createAuthority("raw API server of the attacks")
  const served = await authority.issue({ commonName: "raw", servedAs: [host] })
  const sockets = new Set<Socket>()
  const server = tls.createServer({ cert: served.certificatePem, key: served.keyPem, ALPNProtocols: ["http/1.1"] })
  server.on("tlsClientError", () => {})
  server.on("secureConnection", (socket) => {
    const arrival: RawArrival = { socket, received: "" }
    let isAnswered = false
    sockets.add(socket)
    socket.on("error", () => {})
    socket.once("close", () => sockets.delete(socket))
    socket.on("data", (chunk: Buffer) => {
      arrival.received += chunk.toString("latin1")
      const end = arrival.received.indexOf("\r\n\r\n")
      if (isAnswered || end < 0) return
      const head = arrival.received.slice(0, end + 4)
      const own = ownAnswer(head)
      if (own !== undefined) {
        arrival.received = ""
        socket.write(own)
        return
      }
      isAnswered = true
      raw.arrivals.push(arrival)
      raw.answer(socket, head)
    })
  })
  server.listen(0, host)
  await once(server, "listening")
  const raw: RawApiServer = {
    url: `https://${host}:${(server.address() as AddressInfo).port}`,
    caPem: authority.certificatePem,
    arrivals: [],
    answer: (socket) => socket.write(answerOf("200 OK", "{}")),
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
  return raw
}
