import { requestJson } from "../../platform/outbound.ts"
import { path } from "../../protocol/names.ts"
import type { AttackRange } from "../attack/range/AttackRange.ts"
import { connectRaw } from "../attack/range/carriers.ts"
import { eventually } from "../world/eventually.ts"
import { atAuthProxy } from "./attempts/atAuthProxy.ts"
import { atRelay } from "./attempts/atRelay.ts"
import { type Bench, createBench } from "./attempts/Bench.ts"
import { onCarrier } from "./attempts/onCarrier.ts"
import { onControl } from "./attempts/onControl.ts"
import { AuditJudge } from "./judge/AuditJudge.ts"
import { ProcessTable, type Row } from "./judge/ProcessTable.ts"
import { type Plan, plans } from "./plans/plan.ts"

/** Attempts at a time: the programs and the attackers share two cores. */
const workers = 8
const lookMillis = 2_000
/** Attempts of a worker that may fail one after another before the path counts as broken: an attack has denied service. */
const maxFailuresInARow = 20

export interface Outcome {
  readonly attempts: number
  readonly reached: number
  readonly outcomes: ReadonlyMap<string, number>
  readonly violations: readonly string[]
  readonly rows: readonly Row[]
}

const perform = (bench: Bench, plan: Plan, seed: number): Promise<void> => {
  switch (plan.kind) {
    case "requests":
      return atAuthProxy(bench, plan, seed)
    case "relay":
      return atRelay(bench, plan, seed)
    case "carrier":
      return onCarrier(bench, plan, seed)
    case "control":
      return onControl(bench, plan, seed)
  }
}

/** Attacks until the time is over, or the signal says so, or a program has died; judges all the while. */
export const attack = async (
  range: AttackRange,
  options: { readonly seed: number; readonly millis: number; readonly signal: AbortSignal },
): Promise<Outcome> => {
  const outcomes = new Map<string, number>()
  const count = (outcome: string) => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  const { relayUrl } = range.world
  const headers = { authorization: `Bearer ${await range.relayToken()}` }
  const { body } = await requestJson(`${relayUrl}${path.cluster("edge-1")}`, { headers, ca: range.ca })
  const bench = await createBench(range, (body as { document: string }).document, count)
  const { judge } = bench
  const drawn = plans(options.seed)
  const table = new ProcessTable(range.programs())
  let over = false
  for (const program of range.programs())
    void program.exited.then(({ code, signal }) => {
      if (!over) bench.violation(`${program.name} has ended (${signal ?? code}):\n${program.log.slice(-5).join("\n")}`)
      over = true
    })
  const deadline = performance.now() + options.millis
  const looking = setInterval(() => judge.look(), lookMillis)
  let attempts = 0

  const work = async () => {
    let failures = 0
    while (!over && !options.signal.aborted && performance.now() < deadline) {
      const { plan, seed } = drawn.next().value as { plan: Plan; seed: number }
      attempts += 1
      try {
        await perform(bench, plan, seed)
        failures = 0
      } catch (error) {
        failures += 1
        const { status, name } = error as { status?: number; name?: string }
        count(`${plan.kind}: not connected (${status ?? name})`)
        if (failures < maxFailuresInARow) continue
        bench.violation(`seed ${seed}: ${failures} attempts in a row found no connection: ${error}`)
        over = true
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: workers }, work))
    table.stop()
    if (!over) await afterwards(bench)
  } finally {
    over = true
    table.stop()
    clearInterval(looking)
  }
  judge.look()
  judge.close()
  const { violations, reached } = judge
  return { attempts, reached, outcomes, violations, rows: table.rows() }
}

/** A good request after all of them: the path still serves, and when it is on record, everything before it is. */
const afterwards = async ({ range, judge, roots }: Bench): Promise<void> => {
  const mark = AuditJudge.newMark()
  judge.expect(mark, -1, { username: `oidc:${mark}`, groups: [] })
  const token = await range.clusterToken({ sub: mark, groups: [] }, { cluster: range.second.name })
  const { raw } = await connectRaw(await range.entrance(range.second.name, mark), roots)
  const answer = await raw.ask(
    `GET /version?mark=${mark} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nUser-Agent: ${mark}\r\n\r\n`,
  )
  raw.leave()
  if (answer.status !== 200)
    return void judge.violations.push(`a good request got ${answer.status} afterwards: ${answer.body}`)
  await eventually("the good request on record", 20_000, async () => {
    judge.look()
    return judge.hasSeen(mark) ? { done: undefined } : { seen: judge.reached }
  })
}
