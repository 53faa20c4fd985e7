import { afterEach, expect, test } from "bun:test"
import { once } from "node:events"
import net from "node:net"
import { joinSockets } from "./joinSockets.ts"

/** Less than the kernel's queues hold: the proxy is done with the far end while the client has read nothing. */
const tailBytes = 2 * 1024 * 1024
const ping = Buffer.from([0x89, 0x80, 1, 2, 3, 4])

const servers: net.Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Both ends of a TCP connection. */
const connection = async (): Promise<readonly [accepted: net.Socket, connected: net.Socket]> => {
  const server = net.createServer({ allowHalfOpen: true })
  servers.push(server)
  await once(server.listen(0, "127.0.0.1"), "listening")
  const accepted = once(server, "connection") as Promise<[net.Socket]>
  const connected = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1")
  await once(connected, "connect")
  return [(await accepted)[0], connected]
}

const ended = (socket: net.Socket) =>
  new Promise<void>((resolve) => {
    for (const event of ["end", "error", "close"]) socket.once(event, () => resolve())
  })

test("what a far end sent before it closed reaches a client that lags behind and sends pings meanwhile; the connection goes with the client", async () => {
  const [local, client] = await connection()
  const [server, far] = await connection()
  client.pause()
  const farIsGone = new Promise<void>((resolve) => joinSockets(local, far, resolve))
  server.write(Buffer.alloc(tailBytes, "x"))
  server.destroySoon()
  await farIsGone
  for (let times = 0; times < 3; times += 1)
    await new Promise<void>((resolve) => client.write(ping, () => setImmediate(resolve)))
  let received = 0
  client.on("data", (chunk: Buffer) => {
    received += chunk.length
    client.write(ping)
  })
  client.resume()
  await ended(client)
  expect(received).toBe(tailBytes)
  client.end()
  if (!local.closed) await once(local, "close")
})
