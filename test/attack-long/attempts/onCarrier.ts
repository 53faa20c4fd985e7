import { encodeFrame } from "../../../protocol/encodeFrame.ts"
import type { Frame } from "../../../protocol/frame.ts"
import { FrameCarrier, openingFrame } from "../../attack/range/carriers.ts"
import { AuditJudge } from "../judge/AuditJudge.ts"
import { edited } from "../plans/byteEdits.ts"
import type { CarrierPlan, MessagePlan } from "../plans/relayPlans.ts"
import { type Bench, quietLimitMillis } from "./Bench.ts"
import { within } from "./within.ts"

/** What the encoder itself refuses is sent as a frame of an unknown type. */
const encoded = (frame: Frame): Buffer => {
  try {
    const outgoing = frame.type === "data" ? { ...frame, length: frame.payload.length, pieces: [frame.payload] } : frame
    return Buffer.from(encodeFrame(outgoing))
  } catch {
    return Buffer.from([0xee])
  }
}

const messageOf = (plan: MessagePlan): Uint8Array | string => {
  if (plan.kind === "text") return plan.text
  return plan.kind === "bytes" ? plan.bytes : edited(encoded(plan.frame), plan.edits)
}

/**
 * Opens a carrier as somebody who may, and sends the planned messages to an auth proxy. The first cluster's, which gives up a stream that was
 * left behind after 10 s: at the product's 330 s a few minutes of this meet the limit of 2,000 streams.
 */
export const onCarrier = async (bench: Bench, plan: CarrierPlan, seed: number): Promise<void> => {
  const { range } = bench
  const carrier = await FrameCarrier.dial(await range.entrance(undefined, AuditJudge.newMark()))
  try {
    if (plan.opened) {
      carrier.send(openingFrame())
      await within(quietLimitMillis, carrier.frame("accepted"))
    }
    for (const message of plan.messages) carrier.send(messageOf(message))
    const closed = await within(quietLimitMillis, carrier.closed)
    const reset = carrier.frames.find(({ type }) => type === "reset")
    const reason = reset?.type === "reset" ? reset.reason : undefined
    bench.count(`carrier: ${reason ?? (closed === undefined ? "goes on" : `closed ${closed.code}`)}`)
    // Without a TLS handshake the only data that may come back is a TLS alert, 7 bytes.
    const bytes = carrier.frames.reduce((sum, frame) => sum + (frame.type === "data" ? frame.payload.length : 0), 0)
    if (bytes > 7) bench.violation(`seed ${seed}: ${bytes} bytes came back on a carrier without a TLS handshake`)
  } finally {
    carrier.socket.terminate()
  }
}
