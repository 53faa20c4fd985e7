import { afterAll, afterEach, beforeAll, expect, spyOn, test } from "bun:test"
import { once } from "node:events"
import net from "node:net"
import type { Duplex } from "node:stream"
import { FarEnd } from "../testing/FarEnd.ts"
import { credential, NearEnd } from "../testing/NearEnd.ts"
import { joinSockets } from "./joinSockets.ts"

let farEnd: FarEnd
let near: NearEnd
beforeAll(async () => {
  farEnd = await FarEnd.start()
  near = await NearEnd.start(farEnd)
})
afterAll(async () => {
  await near.stop()
  await farEnd.stop()
})

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

const pingThrice = async (client: Duplex) => {
  for (let times = 0; times < 3; times += 1)
    await new Promise<void>((resolve) => client.write(ping, () => setImmediate(resolve)))
}

const ended = (socket: Duplex) =>
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
  await pingThrice(client)
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

/** What the local connection takes in any case, before the client has read a byte. */
const shortTail = "x".repeat(32 * 1024)

test("so it is through the endpoint, which has no connection left when the client has gone", async () => {
  const head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
  farEnd.handleUpgrade = (_req, socket) => {
    socket.on("error", () => {})
    socket.write(`${head}\r\n${shortTail}`)
    socket.destroySoon()
  }
  // An upgrade gives its connection up when the far end is gone: from then on pings cannot harm what the far end had to say.
  const { pool } = near.link
  const discard = pool.discard.bind(pool)
  const farIsGone = new Promise<void>((resolve) => {
    spyOn(pool, "discard").mockImplementation((connection, why) => {
      discard(connection, why)
      if (why === "upgrade-ended") resolve()
    })
  })
  const client = near.dial()
  client.write(
    `POST /api/v1/namespaces/a/pods/b/exec HTTP/1.1\r\nHost: ${near.host}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nAuthorization: Bearer ${credential}\r\n\r\n`,
  )
  await farIsGone
  await pingThrice(client)
  let received = ""
  client.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1")
    client.write(ping)
  })
  await ended(client)
  expect(received).toStartWith(head)
  expect(received).toEndWith(`\r\n\r\n${shortTail}`)
  expect(near.endpoint.connections).toBe(1)
  client.end()
  while (near.endpoint.connections > 0) await new Promise((resolve) => setImmediate(resolve))
})
