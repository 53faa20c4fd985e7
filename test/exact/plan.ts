import { createHash } from "node:crypto"
import { once } from "node:events"
import type net from "node:net"
import { seeded } from "../model/network/VirtualClock.ts"

/** Who ends their direction first; the other one sends only when it has seen that end. `both`: both at once. */
export const orders = ["both", "client", "server"] as const

/** One stream's life, the same at both ends by its number. */
export interface Plan {
  readonly order: (typeof orders)[number]
  readonly upBytes: number
  readonly downBytes: number
  readonly seed: number
}

/** Of the first bytes on a stream, which say its number. */
export const numberBytes = 4

const mostSmall = 4_096
const mostMiddle = 300_000
const mostLarge = 2_000_000

/** A third is small, a twentieth large; both directions differ. */
export const planOf = (seed: number, number: number): Plan => {
  const random = seeded(seed * 1_000_003 + number)
  const size = () => {
    const kind = random()
    return Math.floor(random() * (kind < 0.33 ? mostSmall : kind < 0.95 ? mostMiddle : mostLarge))
  }
  const order = orders[Math.floor(random() * orders.length)]!
  return { order, upBytes: size(), downBytes: size(), seed: Math.floor(random() * 2 ** 31) }
}

export interface Sum {
  readonly sha256: string
  readonly bytes: number
}

/** Writes so many bytes in pieces of random sizes and ends right after the last write. */
export const send = async (socket: net.Socket, bytes: number, seed: number): Promise<Sum> => {
  const random = seeded(seed)
  const sum = createHash("sha256")
  for (let left = bytes; left > 0; ) {
    const piece = Buffer.alloc(Math.min(left, 1 + Math.floor(random() * 64 * 1024)))
    for (let at = 0; at + 4 <= piece.byteLength; at += 4) piece.writeUInt32LE(Math.floor(random() * 2 ** 32), at)
    left -= piece.byteLength
    sum.update(piece)
    if (!socket.write(piece) && left > 0) await once(socket, "drain")
  }
  socket.end()
  return { sha256: sum.digest("hex"), bytes }
}

/** Reads to the end. Rejects when the stream is reset. */
export const receive = (socket: net.Socket): Promise<Sum> =>
  new Promise((resolve, reject) => {
    const sum = createHash("sha256")
    let bytes = 0
    socket.on("data", (chunk: Buffer) => {
      sum.update(chunk)
      bytes += chunk.byteLength
    })
    socket.once("error", reject)
    socket.once("close", () => reject(new Error(`closed after ${bytes} bytes without an end`)))
    socket.once("end", () => resolve({ sha256: sum.digest("hex"), bytes }))
  })
