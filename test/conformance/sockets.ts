import type { EventEmitter } from "node:events"
import * as net from "node:net"

/** Listens on a free loopback port and says which. */
export async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return (server.address() as net.AddressInfo).port
}

/** Two connected TCP sockets, the listener between them gone. */
export async function tcpPair(): Promise<[net.Socket, net.Socket]> {
  const server = net.createServer({ pauseOnConnect: true })
  const port = await listen(server)
  const accepted = new Promise<net.Socket>((resolve) => server.once("connection", resolve))
  const dialled = net.connect(port, "127.0.0.1")
  const pair: [net.Socket, net.Socket] = [dialled, await accepted]
  if (dialled.connecting) await event(dialled, "connect")
  server.close()
  for (const socket of pair) socket.on("error", () => {})
  return pair
}

export function event(emitter: EventEmitter, name: string): Promise<unknown> {
  return new Promise((resolve) => emitter.once(name, resolve))
}

/**
 * Lets the event loop turn until what could happen by itself has happened: each turn polls the sockets, so work that is not
 * held back gets done. The tests that expect something NOT to happen use it with something that would happen in a few turns.
 */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Sends `request` on a connection of its own and returns all that comes back until the peer ends it or `marker` arrives. */
export function rawExchange(port: number, request: string | Buffer, marker?: string): Promise<string> {
  return new Promise((resolve) => {
    let text = ""
    const socket = net.connect(port, "127.0.0.1", () => socket.write(request))
    const done = () => {
      socket.destroy()
      resolve(text)
    }
    socket.on("error", done).on("close", done)
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1")
      if (marker !== undefined && text.includes(marker)) done()
    })
  })
}
