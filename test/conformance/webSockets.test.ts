import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import * as http from "node:http"
import type * as net from "node:net"
import { WebSocket, WebSocketServer } from "ws"
import { event, listen, turns } from "./sockets.ts"

const MIB = 1024 * 1024
const MESSAGE = Buffer.alloc(64 * 1024, 7)
const COUNT = 512

let server: http.Server
let port: number
const servers = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MIB })
const open = new Set<WebSocket>()
const accepted: WebSocket[] = []

beforeAll(async () => {
  server = http.createServer()
  server.on("upgrade", (request, socket: net.Socket, head) => {
    // After an asynchronous wait, as the relay does until the agent's half is there.
    setImmediate(() => servers.handleUpgrade(request, socket, head, (ws) => accepted.push(ws)))
  })
  port = await listen(server)
})
afterAll(() => {
  for (const ws of open) ws.terminate()
  server.closeAllConnections()
  server.close()
})

async function pair(): Promise<{ client: WebSocket; peer: WebSocket }> {
  const client = new WebSocket(`ws://127.0.0.1:${port}/`, [], { perMessageDeflate: false })
  await event(client, "open")
  const peer = accepted.pop()
  if (!peer) throw new Error("the server did not accept")
  for (const ws of [client, peer]) open.add(ws.on("error", () => {}))
  return { client, peer }
}

/** Rule: splice and stream drivers hold a bounded amount: they pause the reading side and count what is not yet sent. */
describe.each(["client", "peer"] as const)("ws as the reading side (%s)", (reader) => {
  const sides = async () => {
    const both = await pair()
    return { reading: both[reader], writing: both[reader === "client" ? "peer" : "client"] }
  }

  test("stops reading when paused, and TCP pushes back to the writer", async () => {
    const { reading, writing } = await sides()
    let received = 0
    reading.on("message", (message: Buffer) => {
      received += message.length
    })
    reading.pause()
    expect(reading.isPaused).toBe(true)
    for (let index = 0; index < COUNT; index++) writing.send(MESSAGE)
    await turns(400)
    const held = received
    // Messages that were read before the pause may still arrive; the rest must not.
    expect(held).toBeLessThan(2 * MIB)
    expect(writing.bufferedAmount).toBeGreaterThan(16 * MIB)
    const all = new Promise<void>((resolve) => {
      reading.on("message", () => received === COUNT * MESSAGE.length && resolve())
    })
    reading.resume()
    await all
  })

  test("the writer's bufferedAmount is what has not left, exactly, and 0 when all has", async () => {
    const { reading, writing } = await sides()
    reading.pause()
    for (let index = 0; index < COUNT; index++) writing.send(MESSAGE)
    await turns(100)
    const before = writing.bufferedAmount
    writing.send(MESSAGE)
    const grown = writing.bufferedAmount - before
    expect(grown).toBeGreaterThanOrEqual(MESSAGE.length)
    expect(grown).toBeLessThan(MESSAGE.length + 16)
    const sent = new Promise<void>((resolve) => writing.send("last", () => resolve()))
    reading.resume()
    await sent
    expect(writing.bufferedAmount).toBe(0)
  })

  test("send calls back when the message has left, in order, and not while the reader is paused", async () => {
    const { reading, writing } = await sides()
    reading.pause()
    const left: number[] = []
    const last = new Promise<void>((resolve) => {
      for (let index = 0; index < COUNT; index++) {
        writing.send(MESSAGE, () => {
          left.push(index)
          if (index === COUNT - 1) resolve()
        })
      }
    })
    await turns(400)
    expect(left.length).toBeLessThan(COUNT)
    reading.resume()
    await last
    expect(left).toEqual(Array.from({ length: COUNT }, (_, index) => index))
  })

  test("close delivers everything that is queued, then code and reason", async () => {
    const { reading, writing } = await sides()
    reading.pause()
    let received = 0
    reading.on("message", (message: Buffer) => {
      received += message.length
    })
    for (let index = 0; index < COUNT; index++) writing.send(MESSAGE)
    const closed = new Promise<[number, string]>((resolve) =>
      reading.on("close", (code, reason) => resolve([code, String(reason)])),
    )
    writing.close(4001, "moved")
    await turns(50)
    reading.resume()
    expect(await closed).toEqual([4001, "moved"])
    expect(received).toBe(COUNT * MESSAGE.length)
  })
})

/** Rule: a message larger than a frame may be is the end of that carrier, before it is in memory. */
test("a message beyond maxPayload ends the WebSocket", async () => {
  const { client, peer } = await pair()
  let received = 0
  peer.on("message", () => {
    received += 1
  })
  const closed = new Promise<number>((resolve) => client.on("close", (code) => resolve(code)))
  client.send(Buffer.alloc(MIB + 1))
  expect([1006, 1009]).toContain(await closed)
  expect(received).toBe(0)
})

/** Rule: platform's connectWebSocket pauses in `open` and resumes later, so that its caller has time to attach handlers. */
describe("a ws client", () => {
  test("that is paused in `open` loses no message that came with the 101", async () => {
    const greeting = http.createServer()
    greeting.on("upgrade", (request, socket: net.Socket, head) => {
      servers.handleUpgrade(request, socket, head, (ws) => ws.send("greeting"))
    })
    const at = await listen(greeting)
    const ws = new WebSocket(`ws://127.0.0.1:${at}/`, [], { perMessageDeflate: false })
    open.add(ws)
    await new Promise<void>((resolve) => {
      ws.once("open", () => {
        ws.pause()
        setImmediate(resolve)
      })
    })
    const greeted = event(ws, "message")
    ws.resume()
    expect(String(await greeted)).toBe("greeting")
    ws.terminate()
    greeting.closeAllConnections()
    greeting.close()
  })

  test("ignores HTTPS_PROXY and HTTP_PROXY of the environment", async () => {
    const before = process.env.HTTP_PROXY
    process.env.HTTP_PROXY = "http://127.0.0.1:1"
    try {
      await pair()
    } finally {
      if (before === undefined) delete process.env.HTTP_PROXY
      else process.env.HTTP_PROXY = before
    }
  })
})
