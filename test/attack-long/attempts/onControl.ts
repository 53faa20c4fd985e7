import { Either } from "effect"
import type { RawData } from "ws"
import { connectWebSocket } from "../../../platform/outbound.ts"
import { openDocument } from "../../../protocol/document.ts"
import { controlProtocol, path } from "../../../protocol/names.ts"
import type { ControlMessage, ControlPlan } from "../plans/relayPlans.ts"
import { type Bench, quietLimitMillis } from "./Bench.ts"
import { within } from "./within.ts"

const messageOf = (plan: ControlMessage, document: string): Uint8Array | string => {
  if (plan.kind !== "hello") return plan.kind === "text" ? plan.text : plan.bytes
  // The best that can be said without a session key: the real document and a key that it lists.
  const [sessionKey] = Either.getOrThrow(openDocument(document)).sessionKeys
  const signature = Buffer.alloc(64, 7).toString("base64url")
  const hello = {
    type: "hello",
    version: "0.1.0",
    cluster: "edge-1",
    instance: "forged",
    document,
    sessionKey,
    signature,
  }
  return JSON.stringify({ ...hello, ...plan.change })
}

/** Opens a control session without a session key and sends the planned messages. It must never be welcome. */
export const onControl = async (bench: Bench, plan: ControlPlan, seed: number): Promise<void> => {
  const { range } = bench
  const socket = await connectWebSocket(range.world.relayUrl.replace(/^http/, "ws") + path.control, {
    protocols: [controlProtocol],
    ca: range.ca,
    maxPayloadBytes: 128 * 1024,
  })
  const texts: string[] = []
  let heard = () => {}
  const first = new Promise<void>((resolve) => {
    heard = resolve
  })
  socket.on("error", () => {})
  socket.on("message", (data: RawData) => {
    texts.push(data.toString())
    heard()
  })
  const closed = new Promise<number>((resolve) => socket.once("close", resolve))
  try {
    if (plan.waits) await within(quietLimitMillis, first)
    for (const message of plan.messages) socket.send(messageOf(message, bench.document))
    const code = await within(quietLimitMillis, closed)
    const refused = texts
      .map((text) => JSON.parse(text) as { type: string; cause?: string })
      .find(({ type }) => type === "refused")
    bench.count(`control: ${refused?.cause ?? (code === undefined ? "goes on" : `closed ${code}`)}`)
    if (texts.some((text) => text.includes('"welcome"') || text.includes('"dial"')))
      bench.violation(`seed ${seed}: a control session without a session key is welcome`)
  } finally {
    socket.terminate()
  }
}
