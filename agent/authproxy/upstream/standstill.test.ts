import { afterEach, beforeEach, expect, test } from "bun:test"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import net from "node:net"
import { join } from "node:path"
import { setTimeout as after } from "node:timers/promises"
import { eventually } from "../../../test/world/eventually.ts"

let stack = new AsyncDisposableStack()
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(() => stack.disposeAsync())

/** A process that splices every connection to the port given, and says on which port it listens, then when it splices and when its client says something. */
const spliceProcess = async (serverPort: number) => {
  const script = `import net from "node:net"
    import { spliceSockets } from ${JSON.stringify(join(import.meta.dir, "splice.ts"))}
    const none = { received() {}, sent() {} }
    const front = net.createServer({ allowHalfOpen: true }, (client) => {
      const server = net.connect(${serverPort}, "127.0.0.1", () => {
        spliceSockets(client, server, none, () => {})
        console.log("spliced")
        client.on("data", () => console.log("heard"))
      })
    })
    front.listen(0, "127.0.0.1", () => console.log(front.address().port))`
  const program = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" })
  stack.defer(async () => {
    program.kill("SIGKILL")
    await program.exited
  })
  const said = program.stdout.getReader()
  const { value } = await said.read()
  return { program, port: Number(new TextDecoder().decode(value)), next: () => said.read() }
}

const connected = async (port: number) => {
  const socket = net.connect(port, "127.0.0.1")
  stack.defer(() => void socket.destroy())
  await once(socket, "connect")
  return socket
}
const written = (socket: net.Socket, bytes: Buffer) => new Promise((resolve) => socket.write(bytes, resolve))

const ping = Buffer.from([0x89, 0x80, 1, 2, 3, 4])

/** A client and the API server's end of its session, through a process that can be stopped. */
const session = async () => {
  const api = net.createServer()
  stack.defer(() => void api.close())
  await once(api.listen(0, "127.0.0.1"), "listening")
  const { program, port, next } = await spliceProcess((api.address() as net.AddressInfo).port)
  const accepted = once(api, "connection")
  const client = await connected(port)
  const [server] = (await accepted) as [net.Socket]
  await next()
  let arrived = 0
  client.on("data", (chunk: Buffer) => {
    arrived += chunk.length
  })
  const state = () => readFileSync(`/proc/${program.pid}/stat`, "utf8").split(" ")[2]
  return {
    client,
    server,
    arrived: () => arrived,
    /** The process has heard a ping. */
    pinged: async () => {
      await written(client, ping)
      await next()
    },
    stop: async () => {
      program.kill("SIGSTOP")
      await eventually("the process stands still", 2_000, async () =>
        state() === "T" ? { done: true } : { seen: `${state()}` },
      )
    },
    goOn: () => program.kill("SIGCONT"),
  }
}

test.each([
  ["came while the auth proxy stood still", { before: false }],
  ["waited when the auth proxy began to stand still", { before: true }],
] as const)("a ping that %s goes to the server only behind what the server said meanwhile", async (_, { before }) => {
  const { client, server, arrived, pinged, stop, goOn } = await session()
  if (before) await pinged()
  await stop()
  if (!before) await written(client, ping)
  await written(server, Buffer.alloc(60_000))
  const reached = once(server, "data")
  // Longer than a ping is held beside a server that says nothing.
  await after(300)
  goOn()
  expect(await reached).toEqual([ping])
  expect(arrived()).toBe(60_000)
})

test("the last bytes of a server that closed while the auth proxy stood still for longer than a ping is held arrive, though a ping waits", async () => {
  const bytes = 2_500_000
  const { client, server, arrived, pinged, stop, goOn } = await session()
  await pinged()
  await stop()
  server.write(Buffer.alloc(bytes))
  server.destroySoon()
  await after(11_000)
  const ended = once(client, "end")
  goOn()
  await ended
  expect(arrived()).toBe(bytes)
})
