/**
 * Stands where the auth proxy stands, with its own port for carriers and its own stream ends, and without TLS or HTTP on them: byte for byte is a
 * stream's promise, not theirs. Argument: the seed. Says on standard error what each stream brought and sent.
 */
import type net from "node:net"
import { CarrierPort } from "../../agent/authproxy/carrier/CarrierPort.ts"
import { StreamServer } from "../../protocol/stream/StreamServer.ts"
import { WindowBudget } from "../../protocol/stream/WindowBudget.ts"
import { numberBytes, planOf, receive, send } from "./plan.ts"

const seed = Number(process.argv[2])
const bootNonce = "exact"

const numberOf = (socket: net.Socket): Promise<number> =>
  new Promise((resolve, reject) => {
    const look = () => {
      const head = socket.read(numberBytes) as Buffer | null
      if (head === null) return void socket.once("readable", look)
      socket.off("error", reject)
      resolve(head.readUInt32BE(0))
    }
    socket.once("error", reject)
    look()
  })

const serve = async (socket: net.Socket, ended: Promise<{ readonly reason: string }>): Promise<void> => {
  let number = -1
  try {
    number = await numberOf(socket)
    const plan = planOf(seed, number)
    const received = receive(socket)
    received.catch(() => {})
    if (plan.order === "client") await received
    const sent = await send(socket, plan.downBytes, plan.seed + 1)
    const report = { number, received: await received, sent, reason: (await ended).reason }
    console.error(JSON.stringify(report))
  } catch (error) {
    console.error(JSON.stringify({ number, error: String(error) }))
  }
}

const streams = new StreamServer({
  bootNonce,
  budget: new WindowBudget(128 * 2 ** 20),
  limits: { perCaller: 256, total: 2_000 },
  onStream: ({ socket, ended }) => void serve(socket, ended),
})
const port = await CarrierPort.open({ host: "127.0.0.1", port: 0 }, streams, bootNonce)
console.error(JSON.stringify({ message: "listening", listener: "carrier", host: port.host, port: port.port }))
