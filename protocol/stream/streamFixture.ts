import { createHash, type Hash } from "node:crypto"
import { once } from "node:events"
import type net from "node:net"
import { type ClientStream, type ClientStreamOptions, openStream } from "./ClientStream.ts"
import { type LoopbackPath, loopbackPath } from "./loopbackPath.ts"
import { type ServerStream, StreamServer, type StreamServerOptions } from "./StreamServer.ts"
import type { StreamEvent } from "./streamEvents.ts"
import { WindowBudget } from "./WindowBudget.ts"

/** For tests: both ends of streams over a loopback path, with everything they report. */
export interface Fixture {
  readonly path: LoopbackPath
  readonly server: StreamServer
  readonly clientBudget: WindowBudget
  readonly serverBudget: WindowBudget
  readonly clientEvents: StreamEvent[]
  readonly serverEvents: StreamEvent[]
  /** Opens a stream and waits for the server's end of it. */
  open(options?: Partial<ClientStreamOptions>): Promise<{ client: ClientStream; server: ServerStream }>
  /** Resolves when an event of the type has come (or comes) on that side for the nth time. */
  event(side: "client" | "server", type: StreamEvent["type"], nth?: number): Promise<StreamEvent>
  [Symbol.asyncDispose](): Promise<void>
}

const mebibyte = 1024 * 1024

export const fixture = async (options: Partial<StreamServerOptions> = {}): Promise<Fixture> => {
  const clientBudget = new WindowBudget(256 * mebibyte)
  const serverBudget = options.budget ?? new WindowBudget(128 * mebibyte)
  const clientEvents: StreamEvent[] = []
  const serverEvents: StreamEvent[] = []
  const arrivals: ServerStream[] = []
  const waiting: (() => void)[] = []
  const changed = () => {
    for (const check of waiting.splice(0)) check()
  }
  const until = async <T>(found: () => T | undefined): Promise<T> => {
    for (;;) {
      const value = found()
      if (value !== undefined) return value
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }
  const server = new StreamServer({
    bootNonce: "boot",
    budget: serverBudget,
    limits: { perCaller: 256, total: 2_000 },
    meeting: "abstract",
    ...options,
    onStream: (stream) => {
      arrivals.push(stream)
      options.onStream?.(stream)
      changed()
    },
    onEvent: (event) => {
      serverEvents.push(event)
      changed()
    },
  })
  const path = await loopbackPath(server)
  const open: ClientStream[] = []
  return {
    path,
    server,
    clientBudget,
    serverBudget,
    clientEvents,
    serverEvents,
    open: async (options = {}) => {
      const client = await openStream({
        dial: path.dial,
        budget: clientBudget,
        meeting: "private",
        onEvent: (event) => {
          clientEvents.push(event)
          changed()
        },
        ...options,
      })
      open.push(client)
      return { client, server: await until(() => arrivals.shift()) }
    },
    event: (side, type, nth = 1) =>
      until(() => (side === "client" ? clientEvents : serverEvents).filter((event) => event.type === type)[nth - 1]),
    [Symbol.asyncDispose]: async () => {
      for (const client of open) client.destroy("test-over")
      server.closeAll("test-over")
      await path.stop()
    },
  }
}

/** Writes `total` bytes made from `seed` with back pressure, hashing them; ends the socket unless told otherwise. */
export const send = async (socket: net.Socket, total: number, end = true): Promise<string> => {
  const hash = createHash("sha256")
  const chunk = Buffer.allocUnsafe(mebibyte)
  for (let at = 0; at < chunk.byteLength; at += 4) chunk.writeUInt32LE((Math.random() * 2 ** 32) >>> 0, at)
  for (let sent = 0; sent < total; ) {
    const bytes = chunk.subarray(0, Math.min(chunk.byteLength, total - sent))
    hash.update(bytes)
    sent += bytes.byteLength
    if (!socket.write(bytes)) await once(socket, "drain")
  }
  if (end) socket.end()
  return hash.digest("hex")
}

/** Reads to the end of data and hashes it. */
export const receive = async (socket: net.Socket): Promise<{ sha256: string; bytes: number }> => {
  const hash: Hash = createHash("sha256")
  let bytes = 0
  socket.on("data", (chunk: Buffer) => {
    hash.update(chunk)
    bytes += chunk.byteLength
  })
  await once(socket, "end")
  return { sha256: hash.digest("hex"), bytes }
}

/** Reads until `total` bytes have come. */
export const receiveBytes = (socket: net.Socket, total: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const onData = (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.byteLength
      if (bytes < total) return
      socket.off("data", onData)
      socket.off("error", reject)
      resolve(Buffer.concat(chunks))
    }
    socket.on("data", onData)
    socket.once("error", reject)
  })
