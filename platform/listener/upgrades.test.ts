import { describe, expect, test } from "bun:test"
import { once } from "node:events"
import type * as net from "node:net"
import { WebSocketServer } from "ws"
import { accept, closed, GET, listenerBench, received, upgradeRequest } from "../fixtures/listenerBench.ts"
import { connectWebSocket, trustedRoots } from "../outbound.ts"

const bench = listenerBench()
const { listening, secure } = bench

describe("an upgraded socket", () => {
  test("is the program's, counted, and free of time limits", async () => {
    const idle = await listening({ limits: { idleTimeoutMillis: 20 } })
    const listener = await listening({ onUpgrade: accept, limits: { headTimeoutMillis: 20, idleTimeoutMillis: 20 } })
    const socket = await secure(listener)
    socket.write(upgradeRequest)
    await received(socket, "\r\n\r\n")
    for (let round = 0; round < 3; round++) await closed(await secure(idle))
    socket.write("ping")
    expect(await received(socket, "ping")).toBe("ping")
    expect(listener.statistics().upgraded).toBe(1)
  })

  test("loses no byte that arrives before the program takes it up", async () => {
    let handedOver: (socket: net.Socket) => void = () => {}
    const taken = new Promise<net.Socket>((resolve) => {
      handedOver = resolve
    })
    const listener = await listening({ onUpgrade: (_request, socket) => handedOver(socket) })
    const client = await secure(listener)
    client.write(upgradeRequest)
    const socket = await taken
    await new Promise<void>((resolve) => client.write("early ", () => resolve()))
    // The bytes have arrived when another connection, made after them, was served.
    const other = await secure(listener)
    other.write(GET)
    await received(other, "GET /a")
    const read = received(socket, "late")
    client.write("late")
    expect(await read).toBe("early late")
  })

  test("becomes a WebSocket after an asynchronous decision", async () => {
    const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
    const listener = await listening({
      onUpgrade: (request, socket, head) => {
        setImmediate(() =>
          webSockets.handleUpgrade(request, socket, head, (ws) => ws.on("message", (text) => ws.send(`echo ${text}`))),
        )
      },
    })
    const ws = await connectWebSocket(`wss://localhost:${listener.port}/`, {
      ca: trustedRoots({ pem: [bench.authority.cert] }),
    })
    const answer = once(ws, "message")
    ws.send("hello")
    expect(String((await answer)[0])).toBe("echo hello")
    expect(listener.statistics().upgraded).toBe(1)
    const ended = new Promise((resolve) => ws.once("close", resolve))
    await listener.close()
    await ended
  })

  test("is closed by close(), at once without a grace", async () => {
    const listener = await listening({ onUpgrade: accept })
    const socket = await secure(listener)
    socket.write(upgradeRequest)
    await received(socket, "\r\n\r\n")
    const ended = closed(socket)
    await listener.close()
    await ended
    expect(listener.statistics().connections).toBe(0)
  })

  test("is refused where the program takes none", async () => {
    const socket = await secure(await listening())
    socket.write(upgradeRequest)
    expect(await received(socket)).toStartWith("HTTP/1.1 400 ")
  })
})
