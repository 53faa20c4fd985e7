import { expect, test } from "bun:test"
import net from "node:net"
import { privateCertificate } from "../../../identity/testing/privateCertificate.ts"
import { ApiServer } from "./ApiServer.ts"
import type { ServiceAccountFiles } from "./ServiceAccountFiles.ts"
import { isSilence } from "./SignOfLife.ts"

const listening = async (onSocket: (socket: net.Socket) => void) => {
  const server = net.createServer(onSocket)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { server, port: (server.address() as net.AddressInfo).port }
}
const apiServerAt = async (port: number) => {
  const { caPem } = await privateCertificate(["127.0.0.1"])
  const files = { ca: caPem, token: "token", close: () => {} } as unknown as ServiceAccountFiles
  return new ApiServer(new URL(`https://127.0.0.1:${port}`), files)
}

test("an API server that takes no new connection, or cuts it, is not silent: one that shuts down still answers what it has", async () => {
  const closed = await listening(() => {})
  await new Promise((resolve) => closed.server.close(resolve))
  const refusing = await apiServerAt(closed.port)
  expect(await refusing.signOfLife.alive()).toBe(true)
  refusing.close()
  const cutting = await listening((socket) => socket.destroy())
  const cut = await apiServerAt(cutting.port)
  expect(await cut.signOfLife.alive()).toBe(true)
  cut.close()
  await new Promise((resolve) => cutting.server.close(resolve))
})

test("one that says nothing in time is silent", async () => {
  const sockets: net.Socket[] = []
  const mute = await listening((socket) => sockets.push(socket))
  const api = await apiServerAt(mute.port)
  expect(await api.signOfLife.alive()).toBe(false)
  api.close()
  for (const socket of sockets) socket.destroy()
  await new Promise((resolve) => mute.server.close(resolve))
})

test("so is one of which the network says that nobody is there", () => {
  for (const code of ["EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ETIMEDOUT"]) expect(isSilence(code)).toBe(true)
  for (const code of ["ECONNREFUSED", "ECONNRESET", "the answer was cut"]) expect(isSilence(code)).toBe(false)
})
