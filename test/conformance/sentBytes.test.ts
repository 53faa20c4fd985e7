import { afterAll, beforeAll, expect, test } from "bun:test"
import * as http from "node:http"
import * as net from "node:net"
import * as tls from "node:tls"
import { WebSocket, WebSocketServer } from "ws"
import { type CertificateAuthority, certificateAuthority } from "../../platform/fixtures/certificateAuthority.ts"
import { event, listen, turns } from "./sockets.ts"

const length = 65_545
const count = 256
const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false })
const front = http.createServer()
const servers: net.Server[] = []
const open: WebSocket[] = []
let authority: CertificateAuthority
beforeAll(async () => {
  authority = await certificateAuthority()
})
afterAll(() => {
  for (const socket of open) socket.terminate()
  for (const server of servers) server.close()
})

const pairOver = async (secure: boolean): Promise<{ client: WebSocket; server: WebSocket }> => {
  const accepted = Promise.withResolvers<WebSocket>()
  front.removeAllListeners("upgrade").on("upgrade", (request, socket, head) => {
    upgrades.handleUpgrade(request, socket, head, accepted.resolve)
  })
  const feed = (socket: net.Socket) =>
    void front.emit(
      "connection",
      socket.on("error", () => {}),
    )
  const listener = secure ? tls.createServer(await authority.issue("localhost"), feed) : net.createServer(feed)
  servers.push(listener)
  const address = `${secure ? "wss" : "ws"}://localhost:${await listen(listener)}/`
  const client = new WebSocket(address, [], { perMessageDeflate: false, ca: authority.cert, rejectUnauthorized: true })
  await event(client, "open")
  const server = await accepted.promise
  for (const socket of [client, server]) open.push(socket.on("error", () => {}))
  return { client, server }
}

/** Rule: the stream encodes every data frame into the same memory, so what `send` was given must have been copied when it returns. */
for (const secure of [false, true])
  for (const writer of ["client", "server"] as const)
    test(`a message may be overwritten once send has returned, also behind back pressure (${writer}, ${secure ? "wss" : "ws"})`, async () => {
      const { client, server } = await pairOver(secure)
      const [writing, reading] = writer === "client" ? [client, server] : [server, client]
      reading.pause()
      const memory = Buffer.alloc(length)
      for (let index = 0; index < count; index += 1) writing.send(memory.fill(index))
      memory.fill(0xff)
      await turns(50)
      expect(writing.bufferedAmount).toBeGreaterThan(length)
      const whole: boolean[] = []
      const all = new Promise<void>((resolve) =>
        reading.on("message", (message: Buffer) => {
          whole.push(message.equals(Buffer.alloc(length, whole.length)))
          if (whole.length === count) resolve()
        }),
      )
      reading.resume()
      await all
      expect(whole.filter((equal) => !equal)).toEqual([])
    })
