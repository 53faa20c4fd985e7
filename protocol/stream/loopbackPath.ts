import { once } from "node:events"
import http from "node:http"
import type net from "node:net"
import { WebSocket, WebSocketServer } from "ws"
import { carrierMaxPayload, type Splice, splice } from "../splice.ts"
import type { Dial, DialAttempt } from "./CarrierDialler.ts"
import type { CarrierRefused } from "./CarrierRefused.ts"
import type { CarrierOrigin, StreamServer } from "./StreamServer.ts"

/** For tests: a stream server behind two splices, all over real WebSockets on loopback, with ways to break them. */
export interface LoopbackPath {
  readonly dial: Dial
  /** Attempts so far. */
  readonly attempts: readonly DialAttempt[]
  /** Splices that have not ended. */
  readonly splices: ReadonlySet<Splice>
  /** Answers every dial with this from now on; undefined lets them through again. */
  refuse(refusal: CarrierRefused | undefined): void
  /** Tears every WebSocket of every hop apart, without a close frame. */
  cut(): void
  /** Closes every carrier in good order. */
  close(code: number, reason: string): void
  /** The next hop swallows everything (a frozen link) for the carriers that exist now; new ones are fine. */
  freeze(): void
  stop(): Promise<void>
}

interface Hop {
  readonly url: string
  readonly sockets: Set<WebSocket>
  readonly splices: Set<Splice>
  stop(): Promise<void>
}

const listen = async (
  accept: (socket: WebSocket) => void,
  ready: () => Promise<void> = async () => {},
): Promise<Hop> => {
  const sockets = new Set<WebSocket>()
  const raw = new Set<net.Socket>()
  const server = http.createServer()
  const upgrades = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: carrierMaxPayload })
  server.on("connection", (socket: net.Socket) => {
    raw.add(socket)
    socket.on("close", () => raw.delete(socket))
  })
  server.on("upgrade", (request, socket, head) => {
    void ready().then(() =>
      upgrades.handleUpgrade(request, socket, head, (upgraded) => {
        sockets.add(upgraded)
        upgraded.on("close", () => sockets.delete(upgraded))
        accept(upgraded)
      }),
    )
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as net.AddressInfo
  return {
    url: `ws://127.0.0.1:${port}/`,
    sockets,
    splices: new Set(),
    stop: async () => {
      for (const socket of sockets) socket.terminate()
      server.closeAllConnections()
      for (const socket of raw) socket.destroy()
      const closed = once(server, "close")
      server.close()
      await closed
    },
  }
}

const connect = (url: string, signal?: AbortSignal) =>
  new Promise<WebSocket>((resolve, reject) => {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: carrierMaxPayload })
    const abort = () => {
      socket.terminate()
      reject(new Error("aborted"))
    }
    signal?.addEventListener("abort", abort, { once: true })
    socket.once("error", reject)
    socket.once("open", () => {
      signal?.removeEventListener("abort", abort)
      socket.off("error", reject)
      resolve(socket)
    })
  })

/** A hop that splices every WebSocket it gets to one that it dials at the next. */
const spliceTo = async (next: () => string): Promise<Hop> => {
  const waiting: WebSocket[] = []
  const hop = await listen(
    (socket) => {
      const outgoing = waiting.shift()!
      const joined = splice(socket, outgoing, { onEnd: () => hop.splices.delete(joined) })
      hop.splices.add(joined)
    },
    async () => {
      const outgoing = await connect(next())
      hop.sockets.add(outgoing)
      outgoing.on("error", () => {})
      outgoing.on("close", () => hop.sockets.delete(outgoing))
      waiting.push(outgoing)
    },
  )
  return hop
}

export const loopbackPath = async (
  server: StreamServer,
  origin: Partial<CarrierOrigin> = {},
): Promise<LoopbackPath> => {
  const about: CarrierOrigin = {
    instance: "127.0.0.1:1#boot",
    callerHash: "caller",
    clientAddress: "192.0.2.1",
    ...origin,
  }
  const end = await listen((socket) => server.attach(socket, about))
  const agent = await spliceTo(() => end.url)
  const relay = await spliceTo(() => agent.url)
  const hops = [end, agent, relay]
  const attempts: DialAttempt[] = []
  const dialled = new Set<WebSocket>()
  let refusal: CarrierRefused | undefined
  return {
    attempts,
    get splices() {
      return new Set([...agent.splices, ...relay.splices])
    },
    dial: async (attempt) => {
      attempts.push(attempt)
      if (refusal !== undefined) throw refusal
      const socket = await connect(relay.url, attempt.signal)
      dialled.add(socket)
      socket.on("close", () => dialled.delete(socket))
      return socket
    },
    refuse: (next) => {
      refusal = next
    },
    cut: () => {
      for (const hop of hops) for (const socket of hop.sockets) socket.terminate()
    },
    close: (code, reason) => {
      for (const joined of [...agent.splices, ...relay.splices]) joined.close(code, reason)
    },
    freeze: () => {
      for (const socket of agent.sockets) socket.pause()
    },
    stop: async () => {
      for (const socket of dialled) socket.terminate()
      for (const hop of hops.reverse()) await hop.stop()
    },
  }
}
