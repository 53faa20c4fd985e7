import { randomBytes } from "node:crypto"
import tls from "node:tls"
import { Either } from "effect"
import type { RawData, WebSocket } from "ws"
import { RawConnection } from "../../../agent/authproxy/testing/RawConnection.ts"
import { connectWebSocket, requestJson, type TrustedRoots } from "../../../platform/outbound.ts"
import { decodeConnectionInformation } from "../../../protocol/control.ts"
import { decodeFrame } from "../../../protocol/decodeFrame.ts"
import { openDocument } from "../../../protocol/document.ts"
import { encodeFrame } from "../../../protocol/encodeFrame.ts"
import { type Frame, resumeSecretBytes, streamIdBytes } from "../../../protocol/frame.ts"
import { clusterServerName, instanceHeader, path, streamProtocol } from "../../../protocol/names.ts"
import { carrierMaxPayload } from "../../../protocol/splice.ts"
import { type ClientStream, openStream } from "../../../protocol/stream/ClientStream.ts"
import { WindowBudget } from "../../../protocol/stream/WindowBudget.ts"

/** Where an attacker stands who may use the relay, and with what. */
export interface Entrance {
  readonly relayUrl: string
  readonly cluster: string
  readonly relayToken: string
  readonly ca: TrustedRoots
}

/** The user's half of a carrier at the real relay. */
export const dialRelay = (entrance: Entrance, instance?: string, signal?: AbortSignal): Promise<WebSocket> =>
  connectWebSocket(entrance.relayUrl.replace(/^http/, "ws") + path.stream(entrance.cluster), {
    protocols: [streamProtocol],
    headers: {
      authorization: `Bearer ${entrance.relayToken}`,
      ...(instance === undefined ? {} : { [instanceHeader]: instance }),
    },
    ca: entrance.ca,
    maxPayloadBytes: carrierMaxPayload,
    ...(signal === undefined ? {} : { signal }),
  })

/** The roots that the cluster's own document names; the pin is other tests' business. */
export const clusterRoots = async (entrance: Entrance): Promise<readonly string[]> => {
  const answer = await requestJson(`${entrance.relayUrl}${path.cluster(entrance.cluster)}`, {
    headers: { authorization: `Bearer ${entrance.relayToken}` },
    ca: entrance.ca,
  })
  const information = Either.getOrThrow(decodeConnectionInformation(answer.text))
  return Either.getOrThrow(openDocument(information.document)).roots
}

const budget = new WindowBudget(64 * 1024 * 1024)

/** A raw connection, and the opening frame by which somebody else might try to take its stream. */
export interface Connected {
  readonly raw: RawConnection
  readonly stream: ClientStream
  /** The open frame that began the stream, byte for byte. */
  readonly opening: Buffer
}

/** A stream through the real relay and agent with end-to-end TLS on it, as the proxy opens it; what is written on it is the attacker's. */
export const connectRaw = async (entrance: Entrance, roots: readonly string[]): Promise<Connected> => {
  let opening = Buffer.alloc(0)
  const stream = await openStream({
    budget,
    holdMillis: 5_000,
    dial: async ({ instance, signal }) => {
      const socket = await dialRelay(entrance, instance, signal)
      if (opening.length > 0) return socket
      const send = socket.send.bind(socket) as (data: Uint8Array, ...more: never[]) => void
      socket.send = ((data: Uint8Array, ...more: never[]) => {
        if (opening.length === 0) opening = Buffer.from(data)
        send(data, ...more)
      }) as typeof socket.send
      return socket
    },
  })
  const socket = tls.connect({
    socket: stream.socket,
    ca: [...roots],
    servername: clusterServerName(entrance.cluster),
    rejectUnauthorized: true,
    ALPNProtocols: ["http/1.1"],
    allowHalfOpen: true,
  } as tls.ConnectionOptions)
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve)
    socket.once("error", reject)
    socket.once("close", () => reject(new Error("closed during the handshake")))
  })
  const leave = () => {
    socket.destroy()
    stream.destroy()
  }
  return { raw: new RawConnection(socket, { leave, end: () => void stream.socket.end() }), stream, opening }
}

/** A carrier whose frames are written by the test: what no stream driver would send. */
export class FrameCarrier {
  readonly socket: WebSocket
  readonly frames: Frame[] = []
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  #isClosed = false
  readonly #waiting = new Set<() => void>()

  constructor(socket: WebSocket) {
    this.socket = socket
    const wake = () => {
      for (const look of [...this.#waiting]) look()
    }
    socket.on("error", () => {})
    socket.on("message", (data: RawData) => {
      this.frames.push(decodeFrame(new Uint8Array(data as Buffer)))
      wake()
    })
    this.closed = new Promise((resolve) =>
      socket.once("close", (code, reason) => {
        this.#isClosed = true
        wake()
        resolve({ code, reason: reason.toString() })
      }),
    )
  }

  static async dial(entrance: Entrance, instance?: string): Promise<FrameCarrier> {
    return new FrameCarrier(await dialRelay(entrance, instance))
  }

  /** Opens a stream of its own and waits until it was accepted. */
  static async open(
    entrance: Entrance,
  ): Promise<{ readonly carrier: FrameCarrier; readonly opening: Uint8Array; readonly instance: string }> {
    const carrier = await FrameCarrier.dial(entrance)
    const opening = openingFrame()
    carrier.socket.send(opening)
    const accepted = await carrier.frame("accepted")
    return { carrier, opening, instance: accepted?.type === "accepted" ? accepted.instance : "" }
  }

  send(message: Uint8Array | string): void {
    this.socket.send(message)
  }

  /** The first frame of a type; undefined when the carrier closed without one. */
  frame(type: Frame["type"]): Promise<Frame | undefined> {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.frames.find((frame) => frame.type === type)
        if (found === undefined && !this.#isClosed) return
        this.#waiting.delete(look)
        resolve(found)
      }
      this.#waiting.add(look)
      look()
    })
  }
}

export const openingFrame = (): Uint8Array =>
  encodeFrame({
    type: "open",
    streamId: randomBytes(streamIdBytes),
    resumeSecret: randomBytes(resumeSecretBytes),
    generation: 1,
    receivedOffset: 0,
    creditLimit: 256 * 1024,
  })

/** The resume that somebody would send who knows what an opening frame said. */
export const resumeOf = (
  opening: Uint8Array,
  change: { readonly generation: number; readonly secret?: Uint8Array },
): Uint8Array => {
  const frame = decodeFrame(opening)
  if (frame.type !== "open") throw new Error(`expected an open frame, found ${frame.type}`)
  return encodeFrame({
    ...frame,
    type: "resume",
    generation: change.generation,
    resumeSecret: change.secret ?? frame.resumeSecret,
  })
}
