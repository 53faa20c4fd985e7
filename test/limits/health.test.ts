/** The health and metrics port of every program. */
import { expect, test } from "bun:test"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { Context, Effect, Layer } from "effect"
import { HealthServer } from "../../platform/HealthServer.ts"

test("takes 128 connections, closes one more at once, and one that ends makes room", async () => {
  const sockets: Socket[] = []
  const body = Effect.gen(function* () {
    const built = yield* Layer.build(HealthServer.layer({ host: "127.0.0.1", port: 0, ready: Effect.succeed([]) }))
    const { port } = Context.get(built, HealthServer)
    const open = async () => {
      const socket = connect(port, "127.0.0.1")
      sockets.push(socket)
      socket.on("error", () => {})
      await once(socket, "connect")
      return socket
    }
    const live = async () => {
      const socket = await open()
      socket.write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
      return String((await once(socket, "data"))[0])
    }
    yield* Effect.promise(async () => {
      // Answered ones: then the server has them, not only the kernel.
      for (let count = 0; count < 128; count += 1) expect(await live()).toStartWith("HTTP/1.1 200 ")
      await once((await open()).resume(), "close")
      const gone = once(sockets[0]!, "close")
      sockets[0]!.destroy()
      await gone
      // The server hears of it when it comes to it.
      for (;;) {
        const socket = await open()
        socket.write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        if (await Promise.race([once(socket, "data").then(() => true), once(socket, "close").then(() => false)])) break
      }
      for (const socket of sockets) socket.destroy()
    })
  })
  await Effect.runPromise(Effect.scoped(body))
}, 30_000)
