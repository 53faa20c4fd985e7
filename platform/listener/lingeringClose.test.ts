import { afterEach, beforeEach, expect, test } from "bun:test"
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { lingeringClose } from "./lingeringClose.ts"

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(() => stack.disposeAsync())

const connected = async (): Promise<readonly [server: Socket, peer: Socket]> => {
  const listener = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1")
  await once(listener, "listening")
  const accepted = once(listener, "connection") as Promise<[Socket]>
  const peer = connect({ port: (listener.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true })
  const [server] = await accepted
  stack.defer(() => {
    listener.close()
    server.destroy()
    peer.destroy()
  })
  return [server, peer]
}

test("a connection that is done is open until the peer has closed, and drops what comes", async () => {
  const [server, peer] = await connected()
  server.write("all")
  lingeringClose(server)
  const [text] = await once(peer, "data")
  expect(String(text)).toBe("all")
  await once(peer, "end")
  await new Promise<void>((resolve) => peer.write("too late", () => resolve()))
  expect(server.destroyed).toBe(false)
  peer.end()
  if (!server.closed) await once(server, "close")
})

test("a peer that does not close is not waited for without end", async () => {
  const [server, peer] = await connected()
  lingeringClose(server, 1)
  peer.on("error", () => {})
  if (!server.closed) await once(server, "close")
})
