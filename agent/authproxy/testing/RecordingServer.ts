import { once } from "node:events"
import type { AddressInfo, Socket } from "node:net"
import tls from "node:tls"
import { certificateAuthority } from "../../../platform/fixtures/certificateAuthority.ts"

/** One connection of the auth proxy to the recorder, with the bytes that came over it. */
export interface RecordedConnection {
  readonly socket: Socket
  /** Latin1: a character is a byte. */
  received: string
}

/** Answers one request head; the bytes behind it arrive in `connection.received`. */
export type Answer = (socket: Socket, head: string, connection: RecordedConnection) => void

/** A TLS server that speaks no HTTP by itself: it keeps every byte, and a test says what goes back. It shows what really went out. */
export interface RecordingServer {
  readonly url: string
  readonly caPem: string
  /** Connections that carried anything but the auth proxy's own questions. */
  readonly connections: RecordedConnection[]
  /** Heads of requests in order, without the auth proxy's own questions. */
  readonly heads: string[]
  answer: Answer
  /** False: questions whether it lives stay unanswered. */
  alive: boolean
  /** False: the auth proxy's credential is refused in its own questions. */
  knowsAccount: boolean
  /** Resolves when a head satisfies the test, at once if one has. */
  until(wanted: (head: string) => boolean): Promise<string>
  /** Resolves at the next question of the auth proxy whether the API server lives. */
  untilAskedForLife(): Promise<void>
  stop(): Promise<void>
}

const length = (head: string) => Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0)

/** An answer with a length. */
export const plainAnswer = (status: string, body: string, headers = ""): string =>
  `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

/** The auth proxy's own: a caller's would impersonate. */
const isAboutLife = (head: string) => head.startsWith("GET /livez ") && !head.includes("Impersonate-User")

const isOwnQuestion = (head: string) =>
  head.startsWith("GET /version ") || isAboutLife(head) || head.includes("Impersonate-User: clusterconnect-probe")

export const startRecordingServer = async (): Promise<RecordingServer> => {
  const authority = await certificateAuthority("recording API server")
  const { cert, key } = await authority.issue("127.0.0.1")
  const sockets = new Set<Socket>()
  const waiting = new Set<() => void>()
  const lifeAsked: (() => void)[] = []
  const server = tls.createServer({ cert, key, ALPNProtocols: ["http/1.1"] }, (socket) => {
    const connection: RecordedConnection = { socket, received: "" }
    let unparsed = ""
    let body = 0
    sockets.add(socket)
    socket.on("error", () => {})
    socket.once("close", () => sockets.delete(socket))
    socket.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1")
      connection.received += text
      unparsed += text
      for (;;) {
        const skipped = Math.min(body, unparsed.length)
        unparsed = unparsed.slice(skipped)
        body -= skipped
        const end = unparsed.indexOf("\r\n\r\n")
        // Chunked bodies are read by the tests themselves: only what begins like a request is one.
        if (body > 0 || end < 0 || !/^[A-Z]+ \//.test(unparsed)) return
        const head = unparsed.slice(0, end + 4)
        unparsed = unparsed.slice(end + 4)
        body = length(head)
        if (isOwnQuestion(head)) {
          connection.received = ""
          if (isAboutLife(head)) for (const asked of lifeAsked.splice(0)) asked()
          if (!recorder.alive && isAboutLife(head)) continue
          if (!recorder.knowsAccount) {
            socket.write(plainAnswer("401 Unauthorized", '{"kind":"Status","code":401}'))
            continue
          }
          socket.write(
            head.startsWith("GET")
              ? plainAnswer("200 OK", '{"major":"1","minor":"37"}')
              : plainAnswer("201 Created", '{"status":{"userInfo":{"username":"clusterconnect-probe"}}}'),
          )
          continue
        }
        recorder.heads.push(head)
        if (!recorder.connections.includes(connection)) recorder.connections.push(connection)
        recorder.answer(socket, head, connection)
        for (const look of [...waiting]) look()
      }
    })
  })
  server.on("tlsClientError", () => {})
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const recorder: RecordingServer = {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caPem: authority.cert,
    connections: [],
    heads: [],
    answer: (socket) => socket.write(plainAnswer("200 OK", "{}")),
    alive: true,
    knowsAccount: true,
    until: (wanted) =>
      new Promise((resolve) => {
        const look = () => {
          const found = recorder.heads.find(wanted)
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    untilAskedForLife: () => new Promise((resolve) => void lifeAsked.push(resolve)),
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      if (!server.listening) return
      server.close()
      await once(server, "close")
    },
  }
  return recorder
}
