import { expect, test } from "bun:test"
import * as net from "node:net"
import { connectProxy } from "../fixtures/connectProxy.ts"
import { pipeTo, proxySettings, Unreachable } from "../outbound.ts"

const echo = async () => {
  const server = net.createServer((socket) => socket.on("error", () => {}).pipe(socket))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { port: (server.address() as net.AddressInfo).port, close: () => server.close() }
}
const { signal } = new AbortController()
const answer = (socket: net.Socket) =>
  new Promise<string>((resolve) => {
    socket.once("data", (bytes) => resolve(String(bytes)))
    socket.write("ping")
  })

test("without a proxy the pipe is a direct connection, and says so", async () => {
  const server = await echo()
  const { socket, viaProxy } = await pipeTo({})({ host: "127.0.0.1", port: server.port, signal })
  expect(viaProxy).toBe(false)
  expect(await answer(socket)).toBe("ping")
  socket.destroy()
  server.close()
})

test("through a proxy the name is the proxy's to resolve, and the caller learns that", async () => {
  const server = await echo()
  const proxy = await connectProxy({ route: () => ({ port: server.port }), credentials: "user:pass" })
  const route = { proxy: proxySettings({ HTTPS_PROXY: proxy.url.replace("//", "//user:pass@") }) }
  const { socket, viaProxy } = await pipeTo(route)({ host: "issuer.test", port: 443, signal })
  expect([viaProxy, proxy.asked]).toEqual([true, ["issuer.test:443"]])
  expect(await answer(socket)).toBe("ping")
  socket.destroy()
  await proxy.close()
  server.close()
})

test("a proxy that refuses is named as the stage that failed", async () => {
  const proxy = await connectProxy({ route: () => ({ status: 403 }) })
  const route = { proxy: proxySettings({ HTTPS_PROXY: proxy.url }) }
  const refused = await pipeTo(route)({ host: "issuer.test", port: 443, signal }).catch((error) => error)
  expect(refused).toBeInstanceOf(Unreachable)
  expect(refused.stage).toBe("proxy")
  await proxy.close()
})
