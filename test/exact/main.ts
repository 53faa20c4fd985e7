/**
 * `bun run test:long exact [--times N] [--seed N] [--out FOLDER]`: a thousand streams of random sizes through the real relay and
 * agent, over a link that loses 1 % of its packets, while carriers are cut after random numbers of bytes: each side ends right after its last write,
 * both at once or one after it has seen the other's end. What was sent is what arrives, by SHA-256, and both ends are clean; exits with 1 otherwise.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { connectWebSocket, trustedRoots } from "../../platform/outbound.ts"
import { instanceHeader, path, streamProtocol } from "../../protocol/names.ts"
import { carrierMaxPayload } from "../../protocol/splice.ts"
import { type ClientStream, openStream } from "../../protocol/stream/ClientStream.ts"
import { WindowBudget } from "../../protocol/stream/WindowBudget.ts"
import { CuttingProxy } from "../attack/range/CuttingProxy.ts"
import { startGround } from "../bench/path/ground.ts"
import { createLink } from "../bench/path/Link.ts"
import { startMiddle } from "../bench/path/tunnelPath.ts"
import { ensurePackages } from "../cluster/programs/debianPackages.ts"
import { seeded } from "../model/network/VirtualClock.ts"
import { loadNow, machine } from "../plots/machine.ts"
import { numberBytes, orders, type Plan, planOf, receive, type Sum, send } from "./plan.ts"

const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? undefined : process.argv[at + 1]
}
const times = Number(option("times") ?? 1_000)
const seed = Number(option("seed") ?? Date.now() % 1_000_000)
const out = option("out") ?? "dist/measurements"
const say = (line: string) => console.error(`exact: ${line}`)

const link = { rttMillis: 10, loss: 0.01, mbitPerSecond: 200, seed }
const atOnce = 8
const mostBytesBetweenCuts = 4_000_000
/** Longer than a hold: a stream that has not ended by then never will. */
const limitMillis = 400_000
/** Refused openings are for whoever opens; a carrier that was cut before the opening's answer is one. */
const openings = 20

interface Report {
  readonly number: number
  readonly received?: Sum
  readonly sent?: Sum
  readonly reason?: string
  readonly error?: string
}

const stack = new AsyncDisposableStack()
const interrupted = () => void stack.disposeAsync().then(() => process.exit(130))
process.once("SIGINT", interrupted).once("SIGTERM", interrupted)
let wrong = 1
const loadAtStart = loadNow()
try {
  await ensurePackages("bench", say)
  say(`seed ${seed}; ${times} streams`)
  const cutting = await CuttingProxy.start()
  stack.defer(() => cutting.stop())
  const far = await createLink(link)
  stack.defer(() => far.stop())
  const ground = await startGround(stack, far)
  const middle = await startMiddle(stack, ground, { farEnd: [join(import.meta.dir, "farEnd.ts"), `${seed}`] })
  const headers = { authorization: `Bearer ${await middle.relayToken("exact")}` }
  const roots = trustedRoots({ pem: [ground.caPem] })
  const budget = new WindowBudget(256 * 2 ** 20)
  const random = seeded(seed)
  let resumed = 0
  const open = async (tries = openings): Promise<ClientStream> => {
    try {
      return await openStream({
        budget,
        onEvent: ({ type }) => {
          if (type === "resumed") resumed += 1
        },
        dial: ({ instance, signal }) =>
          connectWebSocket(middle.relayUrl.replace(/^http/, "ws") + path.stream(middle.cluster), {
            protocols: [streamProtocol],
            headers: { ...headers, ...(instance === undefined ? {} : { [instanceHeader]: instance }) },
            ca: roots,
            proxy: { httpsProxy: cutting.url },
            maxPayloadBytes: carrierMaxPayload,
            ...(signal === undefined ? {} : { signal }),
          }),
      })
    } catch (error) {
      if (tries <= 1) throw error
      return open(tries - 1)
    }
  }
  const live = async (number: number): Promise<string | undefined> => {
    const plan: Plan = planOf(seed, number)
    const stream = await open()
    if (!cutting.armed) cutting.cutAfter(Math.floor(random() * mostBytesBetweenCuts))
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
  const farReport = (number: number): Promise<Report> =>
    middle
      .programs()
      .authProxy.until(`the end of stream ${number}`, (line) =>
        line.number === number ? (line as unknown as Report) : undefined,
      )

  const began = performance.now()
  const faults: string[] = []
  const count = { both: 0, client: 0, server: 0 }
  let bytes = 0
  let next = 0
  const worker = async () => {
    for (let number = next++; number < times; number = next++) {
      const { order, upBytes, downBytes } = planOf(seed, number)
      const late = new Promise<string>((resolve) =>
        setTimeout(() => resolve(`stream ${number} has not ended after ${limitMillis} ms`), limitMillis).unref(),
      )
      const fault = await Promise.race([live(number), late]).catch((error) => `stream ${number}: ${error}`)
      if (fault !== undefined) say(fault)
      if (fault !== undefined) faults.push(fault)
      count[order] += 1
      bytes += upBytes + downBytes
      if ((number + 1) % 100 === 0) say(`${number + 1} streams, ${cutting.cuts} cuts, ${faults.length} wrong`)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  wrong = faults.length
  mkdirSync(out, { recursive: true })
  const seconds = (performance.now() - began) / 1_000
  const found = { seed, link, times, orders: count, bytes, cuts: cutting.cuts, resumed, seconds, faults }
  writeFileSync(
    join(out, "exact.json"),
    `${JSON.stringify({ what: "13: byte exactness", machine: machine(loadAtStart), ...found }, undefined, 1)}\n`,
  )
  const shares = orders.map((order) => `${count[order]} ${order === "both" ? "at once" : `${order} first`}`).join(", ")
  console.log(
    `${times} streams (${shares}), ${(bytes / 1e6).toFixed(0)} MB, ${cutting.cuts} cuts, ${resumed} resumes, ${seconds.toFixed(0)} s: ${wrong} wrong; seed ${seed}`,
  )
} finally {
  await stack.disposeAsync()
}
process.exit(wrong > 0 ? 1 : 0)
