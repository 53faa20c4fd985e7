import { afterEach, beforeEach, expect, test } from "bun:test"
import net from "node:net"
import { FarEnd } from "../testing/FarEnd.ts"
import { NearEnd } from "../testing/NearEnd.ts"

let far: FarEnd
let near: NearEnd
beforeEach(async () => {
  far = await FarEnd.start()
  near = await NearEnd.start(far, { limits: { firstHeadMillis: 3_000, maxSockets: 8 } })
})
afterEach(async () => {
  await near.stop()
  await far.stop()
})

const silent = () => {
  const socket = net.connect(near.endpoint.port, "127.0.0.1")
  socket.on("error", () => {}).resume()
  return { socket, closed: new Promise<void>((resolve) => socket.once("close", () => resolve())) }
}

test("a local connection that says nothing is closed, before its TLS handshake and after it", async () => {
  const secured = near.dial().on("error", () => {})
  secured.resume()
  await Promise.all([silent().closed, new Promise((resolve) => secured.once("end", resolve).once("close", resolve))])
})
test("local connections without a word are no more than the limit, and the user is served when they are gone", async () => {
  const many = Array.from({ length: 40 }, silent)
  await Promise.all(many.map(({ closed }) => closed))
  expect(near.endpoint.connections).toBe(0)
  expect((await near.get("/api")).status).toBe(200)
})
test("the end of the program closes a connection that is in its handshake", async () => {
  const one = silent()
  await new Promise((resolve) => one.socket.once("connect", resolve))
  // Another connection's answer proves that the first was accepted.
  await near.get("/api")
  await near.endpoint.close()
  await one.closed
})
