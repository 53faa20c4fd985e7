import { afterEach, beforeEach, expect, test } from "bun:test"
import { once } from "node:events"
import http from "node:http"
import net, { type AddressInfo } from "node:net"
import { WebSocket, WebSocketServer } from "ws"
import { answerPings, mostUnreadPongBytes } from "./answerPings.ts"

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(() => stack.disposeAsync())

const serve = async () => {
  const server = http.createServer()
  const sockets = new WebSocketServer({ noServer: true, autoPong: false })
  const accepted = Promise.withResolvers<WebSocket>()
  server.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      answerPings(webSocket)
      accepted.resolve(webSocket)
    }),
  )
  await once(server.listen(0, "127.0.0.1"), "listening")
  stack.defer(() => void server.close())
  return { port: (server.address() as AddressInfo).port, accepted: accepted.promise }
}

/** A masked ping with the longest body. */
const ping = Buffer.concat([Buffer.from([0x89, 0x80 | 125, 0, 0, 0, 0]), Buffer.alloc(125, "p")])

test("a ping is answered with its own body", async () => {
  const { port } = await serve()
  const socket = new WebSocket(`ws://127.0.0.1:${port}`)
  stack.defer(() => socket.terminate())
  await once(socket, "open")
  socket.ping("are you there")
  const [body] = await once(socket, "pong")
  expect(String(body)).toBe("are you there")
})

test("pongs do not gather for a peer that sends pings and reads nothing", async () => {
  const { port, accepted } = await serve()
  const peer = net.connect(port, "127.0.0.1")
  stack.defer(() => void peer.destroy())
  const lines = ["GET / HTTP/1.1", "Host: relay", "Connection: Upgrade", "Upgrade: websocket"]
  const handshake = [...lines, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", ""]
  peer.pause()
  peer.write(handshake.join("\r\n"))
  const served = await accepted
  const pings = 200_000
  const arrived = new Promise<void>((resolve) => {
    let seen = 0
    served.on("ping", () => {
      seen += 1
      if (seen === pings) resolve()
    })
  })
  const thousand = Buffer.concat(Array.from({ length: 1_000 }, () => ping))
  for (let sent = 0; sent < pings; sent += 1_000) if (!peer.write(thousand)) await once(peer, "drain")
  await arrived
  expect(served.bufferedAmount).toBeGreaterThan(0)
  expect(served.bufferedAmount).toBeLessThan(2 * mostUnreadPongBytes)
})
