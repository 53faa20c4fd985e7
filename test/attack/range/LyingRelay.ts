import { once } from "node:events"
import http, { type IncomingMessage, type ServerResponse } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { path } from "../../../protocol/names.ts"
import type { FarEnd } from "../../../proxy/testing/FarEnd.ts"

/** A relay in front of a far end that answers questions about the cluster as a test wants, and keeps every byte that a client sends it. */
export interface LyingRelay {
  readonly url: string
  /** Everything that clients sent, latin1. */
  received: () => string
  /** The answer to "how do I connect to this cluster?"; undefined: an honest one with `lies` added. */
  answer: ((req: IncomingMessage, res: ServerResponse) => void) | undefined
  /** Further fields of the honest answer. */
  lies: Readonly<Record<string, unknown>>
  stop(): Promise<void>
}

export const startLyingRelay = async (far: FarEnd): Promise<LyingRelay> => {
  const sockets = new Set<Socket>()
  const pieces: Buffer[] = []
  const server = http.createServer()
  const farPort = Number(new URL(far.relayUrl).port)
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.once("close", () => sockets.delete(socket))
  })
  const headOf = (req: IncomingMessage) => {
    const lines: string[] = []
    for (let index = 0; index < req.rawHeaders.length; index += 2)
      lines.push(`${req.rawHeaders[index]}: ${req.rawHeaders[index + 1]}`)
    return `${req.method} ${req.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`
  }
  server.on("request", (req, res) => {
    pieces.push(Buffer.from(headOf(req), "latin1"))
    if (relay.answer !== undefined) return relay.answer(req, res)
    if (req.url !== path.cluster(far.cluster)) return void res.writeHead(404).end()
    const honest = { clusterName: far.cluster, document: far.document, agentSessions: 1 }
    res.setHeader("content-type", "application/json")
    res.end(JSON.stringify({ ...honest, ...relay.lies }))
  })
  server.on("upgrade", (req, socket: Socket, ahead: Buffer) => {
    const head = Buffer.from(headOf(req), "latin1")
    pieces.push(head)
    const upstream = connect(farPort, "127.0.0.1", () => {
      upstream.write(head)
      upstream.write(ahead)
      socket.on("data", (bytes: Buffer) => pieces.push(bytes))
      socket.pipe(upstream)
      upstream.pipe(socket)
    })
    upstream.on("error", () => socket.destroy())
    socket.once("close", () => upstream.destroy())
    upstream.once("close", () => socket.destroy())
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const relay: LyingRelay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: () => Buffer.concat(pieces).toString("latin1"),
    answer: undefined,
    lies: {},
    stop: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, "close")
    },
  }
  return relay
}
