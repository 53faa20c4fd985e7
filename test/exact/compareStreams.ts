import { seeded } from "../model/network/VirtualClock.ts"
import type { LossyGround } from "./lossyGround.ts"
import { numberBytes, planOf, receive, type Sum, send } from "./plan.ts"

const atOnce = 8
const mostBytesBetweenCuts = 4_000_000
/** Longer than a hold: a stream that has not ended by then never will. */
const limitMillis = 400_000

export interface Compared {
  readonly orders: Readonly<Record<"both" | "client" | "server", number>>
  readonly bytes: number
  readonly cuts: number
  readonly resumed: number
  readonly seconds: number
  /** One for each stream that was not exact. */
  readonly faults: readonly string[]
}

/** Lives so many streams, some at once, while carriers are cut after random numbers of bytes, and compares what was sent with what arrived. */
export const compareStreams = async (
  ground: LossyGround,
  { times, seed, say }: { readonly times: number; readonly seed: number; readonly say: (line: string) => void },
): Promise<Compared> => {
  const { cutting } = ground
  const random = seeded(seed)
  const began = performance.now()
  const faults: string[] = []
  const orders = { both: 0, client: 0, server: 0 }
  let bytes = 0
  let next = 0
  const cut = () => {
    if (!cutting.armed) cutting.cutAfter(Math.floor(random() * mostBytesBetweenCuts))
  }
  const worker = async () => {
    for (let number = next++; number < times; number = next++) {
      const { order, upBytes, downBytes } = planOf(seed, number)
      const late = new Promise<string>((resolve) =>
        setTimeout(() => resolve(`stream ${number} has not ended after ${limitMillis} ms`), limitMillis).unref(),
      )
      const lived = live(ground, { seed, number, cut })
      const fault = await Promise.race([lived, late]).catch((error) => `stream ${number}: ${error}`)
      if (fault !== undefined) say(fault)
      if (fault !== undefined) faults.push(fault)
      orders[order] += 1
      bytes += upBytes + downBytes
      if ((number + 1) % 100 === 0) say(`${number + 1} streams, ${cutting.cuts} cuts, ${faults.length} wrong`)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  const seconds = (performance.now() - began) / 1_000
  return { orders, bytes, cuts: cutting.cuts, resumed: ground.resumed(), seconds, faults }
}

/** One stream, by its plan; resolves to what was not exact. `cut` is called when it is open. */
const live = async (
  { open, farReport }: LossyGround,
  { seed, number, cut }: { readonly seed: number; readonly number: number; readonly cut: () => void },
): Promise<string | undefined> => {
  const plan = planOf(seed, number)
  const stream = await open()
  cut()
  const head = Buffer.alloc(numberBytes)
  head.writeUInt32BE(number)
  stream.socket.write(head)
  const received = receive(stream.socket)
  received.catch(() => {})
  if (plan.order === "server") await received
  const sent = await send(stream.socket, plan.upBytes, plan.seed)
  const { reason } = await stream.ended
  const report = await farReport(number)
  const here = await received
  const same = (a: Sum | undefined, b: Sum) => a?.sha256 === b.sha256 && a.bytes === b.bytes
  const clean = reason === "closed" && report.reason === "closed"
  return same(report.received, sent) && same(report.sent, here) && clean
    ? undefined
    : JSON.stringify({ number, plan, sent, received: here, reason, report })
}
