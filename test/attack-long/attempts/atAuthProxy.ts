import type { RawAnswer } from "../../../agent/authproxy/testing/RawConnection.ts"
import { connectRaw } from "../../attack/range/carriers.ts"
import { causeOf } from "../../attack/range/requests.ts"
import { AuditJudge } from "../judge/AuditJudge.ts"
import type { ConnectionPlan } from "../plans/requestPlan.ts"
import { answerLimitMillis, type Bench, quietLimitMillis } from "./Bench.ts"
import { requestBytes } from "./requestBytes.ts"
import { within } from "./within.ts"

const base64url = (text: string) => Buffer.from(text, "latin1").toString("base64url")

/**
 * Sends the planned requests on one connection to the second cluster's auth proxy through relay and agent. It remembers ended streams for the
 * product's own 330 s, so its memory rises for as long and must be flat from then on.
 * The judge knows of each before its first byte leaves.
 */
export const atAuthProxy = async (bench: Bench, plan: ConnectionPlan, seed: number): Promise<void> => {
  const { range, judge } = bench
  const sent: Buffer[] = []
  for (const request of plan.requests) {
    const mark = AuditJudge.newMark()
    const forged = await bench.forge(request.token, mark)
    const bytes = requestBytes(request, mark, forged.token)
    const { admits } = forged
    const isIntact = admits !== undefined && (bytes.includes(admits.token) || bytes.includes(base64url(admits.token)))
    judge.expect(mark, seed, isIntact ? admits.verdict : undefined)
    sent.push(bytes)
  }
  const { raw } = await connectRaw(await range.entrance(range.second.name, AuditJudge.newMark()), bench.roots)
  const answered = (answer: RawAnswer | undefined) => {
    if (answer === undefined) return bench.count("auth proxy: no answer (cut, or it waits for more)")
    const cause = causeOf(answer.body)
    bench.count(`auth proxy: ${answer.status} ${cause ?? "(API server)"}`)
    if (answer.status === 500 && cause !== undefined)
      bench.violation(`seed ${seed}: 500 by the auth proxy: ${answer.body}`)
  }
  try {
    if (plan.delivery === "in-turn") {
      for (const bytes of sent) {
        raw.write(bytes.toString("latin1"))
        const answer = await within(answerLimitMillis, raw.answer())
        answered(answer)
        if (answer === undefined) return
      }
      return
    }
    const all = Buffer.concat(sent).toString("latin1")
    const cuts =
      plan.delivery === "together" ? [] : plan.cuts.map((share) => Math.floor(share * all.length)).sort((a, b) => a - b)
    for (const [index, from] of [0, ...cuts].entries()) {
      const piece = all.slice(from, cuts[index] ?? all.length)
      // Each piece by itself, as far as TLS and stream keep it apart.
      await within(quietLimitMillis, new Promise<void>((resolve) => raw.socket.write(piece, "latin1", () => resolve())))
    }
    for (const _ of sent) {
      const answer = await within(quietLimitMillis, raw.answer())
      answered(answer)
      if (answer === undefined) return
    }
  } finally {
    raw.leave()
  }
}
