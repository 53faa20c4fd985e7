import { appendFileSync, readFileSync, statSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { createServer } from "node:tls"

/** Terminates the TLS that both sides speak to the relay, and keeps every byte that the relay itself gets to see. */
export interface Recorder {
  readonly port: number
  readonly file: string
  readonly recordedBytes: () => number
  /** Whether the text passed, in any connection and direction. */
  readonly saw: (text: string) => boolean
  readonly connections: () => number
  stop(): Promise<void>
}

/** TLS in, plain text out to the relay's plain listener; both directions are appended to `file`. */
export const startRecorder = (options: {
  readonly host: string
  readonly port: number
  readonly certificatePem: string
  readonly keyPem: string
  readonly relay: () => { readonly host: string; readonly port: number }
  readonly file: string
}): Promise<Recorder> => {
  const sockets = new Set<Socket>()
  let connections = 0
  const record = (chunk: Buffer) => appendFileSync(options.file, chunk, { mode: 0o600 })
  const server = createServer(
    { cert: options.certificatePem, key: options.keyPem, ALPNProtocols: ["http/1.1"] },
    (user) => {
      connections += 1
      const upstream = connect(options.relay())
      for (const socket of [user, upstream]) {
        sockets.add(socket)
        socket.on("error", () => {})
        socket.once("close", () => {
          sockets.delete(socket)
          user.destroy()
          upstream.destroy()
        })
        socket.on("data", record)
      }
      user.pipe(upstream)
      upstream.pipe(user)
    },
  )
  server.on("tlsClientError", () => {})
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(options.port, options.host, () => {
      const address = server.address()
      resolve({
        port: typeof address === "object" && address !== null ? address.port : options.port,
        file: options.file,
        recordedBytes: () => statSync(options.file, { throwIfNoEntry: false })?.size ?? 0,
        saw: (text) => readFileSync(options.file).includes(text),
        connections: () => connections,
        stop: () =>
          new Promise((done) => {
            server.close(() => done())
            for (const socket of sockets) socket.destroy()
          }),
      })
    })
  })
}
