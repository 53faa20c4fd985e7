/**
 * Opens and ends upgraded connections, a stream each, for as long as its standard input is open: whole ones, and ones that either side
 * leaves at each of their steps. Argument: JSON {target, atOnce, seed}. Says {begun, whole, late} once a second and at its end.
 */
import tls from "node:tls"
import { seeded } from "../../model/network/VirtualClock.ts"
import { bulk, type Target } from "../path/Target.ts"

const { target, atOnce, seed } = JSON.parse(process.argv[2] ?? "{}") as { target: Target; atOnce: number; seed: number }
const random = seeded(seed)
/** Longer than a proxy holds a stream without a carrier: what is still open then was left behind. */
const limitMillis = 330_000
const exec = "/api/v1/namespaces/bench/pods/bench/exec?command=true"

type Step = "asking" | "answered" | "flow"
interface Fate {
  /** The client leaves at this step. */
  readonly leaves?: Step
  readonly path: string
  readonly upgrade: boolean
}
const fates: readonly Fate[] = [
  { path: exec, upgrade: true },
  { path: exec, upgrade: true },
  ...(["asking", "answered", "flow"] as const).map((leaves) => ({ path: exec, upgrade: true, leaves })),
  ...["asking", "refused", "answered", "flow"].map((gone) => ({ path: `${exec}&gone=${gone}`, upgrade: true })),
  { path: bulk(4_000_000), upgrade: false, leaves: "flow" },
]

let begun = 0
let whole = 0
/** Connections that nobody ended in time. */
let late = 0
const say = () => process.stdout.write(`${JSON.stringify({ begun, whole, late })}\n`)

const head = ({ path, upgrade }: Fate) =>
  [
    `${upgrade ? "POST" : "GET"} ${path} HTTP/1.1`,
    `Host: ${target.host}:${target.port}`,
    `Authorization: ${target.authorization}`,
    ...(upgrade ? ["Connection: Upgrade", "Upgrade: SPDY/3.1"] : []),
    "",
    "",
  ].join("\r\n")

/** A data frame of SPDY/3.1. */
const frameOf = (bytes: number): Buffer => {
  const frame = Buffer.alloc(8 + bytes, "x")
  frame.writeUInt32BE(1, 0)
  frame.writeUInt32BE(bytes, 4)
  return frame
}

const one = (fate: Fate): Promise<void> =>
  new Promise((resolve) => {
    begun += 1
    const { host, port, ca } = target
    const socket = tls.connect({ host, port, ca, rejectUnauthorized: true })
    const timer = setTimeout(() => {
      late += 1
      console.error(JSON.stringify({ late: fate, bytes: payload.byteLength, echoed, answer, at: new Date() }))
      socket.destroy()
    }, limitMillis)
    const payload = frameOf(1 + Math.floor(random() * 60_000))
    let answer = ""
    let echoed = 0
    socket.on("error", () => {})
    socket.once("close", () => {
      clearTimeout(timer)
      resolve()
    })
    socket.once("secureConnect", () => {
      socket.write(head(fate))
      if (fate.leaves === "asking") setTimeout(() => socket.destroy(), random() * 20)
    })
    socket.on("data", (chunk: Buffer) => {
      if (answer === "\r\n\r\n") {
        echoed += chunk.byteLength
        if (fate.leaves === "flow") return void socket.destroy()
        if (echoed < payload.byteLength) return
        if (echoed === payload.byteLength) whole += 1
        return void socket.end()
      }
      answer += chunk.toString("latin1")
      const end = answer.indexOf("\r\n\r\n")
      if (end < 0) return
      if (fate.leaves === "answered") return void socket.destroy()
      // A refusal says all it has to say, and keeps the connection.
      if (!answer.startsWith(`HTTP/1.1 ${fate.upgrade ? 101 : 200} `)) return void socket.end()
      answer = "\r\n\r\n"
      if (fate.upgrade) socket.write(payload)
    })
    socket.once("end", () => socket.end())
  })

let running = true
process.stdin.resume().on("end", () => {
  running = false
})
const saying = setInterval(say, 1_000)
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    while (running) await one(fates[Math.floor(random() * fates.length)]!)
  }),
)
clearInterval(saying)
say()
process.exit(0)
