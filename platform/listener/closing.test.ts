import { describe, expect, test } from "bun:test"
import * as net from "node:net"
import { Effect } from "effect"
import { closed, GET, listenerBench, received } from "../fixtures/listenerBench.ts"
import { ListenFailed } from "../HealthServer.ts"
import { Listener } from "../tlsListener.ts"

const bench = listenerBench()
const { listening, secure } = bench

describe("closing", () => {
  test("lets an answer under way complete, ends idle connections and takes no new one", async () => {
    const parked: (() => void)[] = []
    let arrived = () => {}
    const listener = await listening({
      onRequest: (_request, response) => {
        parked.push(() => response.end("whole"))
        arrived()
      },
    })
    const [busy, idle] = [await secure(listener), await secure(listener)]
    const asked = new Promise<void>((resolve) => {
      arrived = resolve
    })
    busy.write(GET)
    await asked
    const port = listener.port
    const idleClosed = closed(idle)
    const answered = received(busy)
    const done = listener.close(60_000)
    await idleClosed
    const refused = net.connect(port, "127.0.0.1")
    expect(
      await new Promise((resolve) => refused.on("error", (error: NodeJS.ErrnoException) => resolve(error.code))),
    ).toBe("ECONNREFUSED")
    for (const answer of parked) answer()
    expect(await answered).toContain("whole")
    await done
  })

  test("ends what is left when the grace is over", async () => {
    let arrived = () => {}
    const asked = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const listener = await listening({ onRequest: () => arrived() })
    const socket = await secure(listener)
    socket.write(GET)
    await asked
    const ended = closed(socket)
    await listener.close(20)
    await ended
  })

  test("comes with the end of the scope", async () => {
    const port = await Effect.runPromise(
      Effect.scoped(
        Effect.map(
          Listener.scoped({ host: "127.0.0.1", port: 0, tls: bench.files, onRequest: () => {} }),
          (listener) => listener.port,
        ),
      ),
    )
    const refused = net.connect(port, "127.0.0.1")
    expect(
      await new Promise((resolve) => refused.on("error", (error: NodeJS.ErrnoException) => resolve(error.code))),
    ).toBe("ECONNREFUSED")
  })
})

test("a port that is taken is a typed failure", async () => {
  const { port } = await listening()
  await expect(listening({ port })).rejects.toBeInstanceOf(ListenFailed)
})

test("a paused upload stops the sender: what is read ahead is bounded", async () => {
  let paused: { resume: () => void } | undefined
  let arrived = () => {}
  const asked = new Promise<void>((resolve) => {
    arrived = resolve
  })
  let total = 0
  const listener = await listening({
    onRequest: (request, response) => {
      request.pause()
      request.on("data", (chunk: Buffer) => {
        total += chunk.length
      })
      request.on("end", () => response.end(`took ${total}`))
      request.pause()
      paused = request
      arrived()
    },
  })
  const socket = await secure(listener)
  const size = 64 * 1024 * 1024
  socket.write(`POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`)
  const chunk = Buffer.alloc(64 * 1024)
  await asked
  let sent = 0
  const taken = () => sent - socket.writableLength
  while (sent < size) {
    sent += chunk.length
    socket.write(chunk)
  }
  // Twenty turns of the loop move more than the whole body when nothing holds it back.
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(taken()).toBeLessThan(16 * 1024 * 1024)
  const answer = received(socket, "took")
  paused?.resume()
  expect(await answer).toContain(`took ${size}`)
})
