import { reason } from "../../protocol/core/reasons.ts"
import { type Fault, strike } from "./faults.ts"
import { Model } from "./Model.ts"

export interface Verdict {
  readonly seed: number
  readonly faults: readonly Fault[]
  /** What went wrong; empty when all is well. */
  readonly violations: readonly string[]
  readonly streams: number
  readonly resumes: number
  readonly bytes: number
  /** The longest time without a byte beyond the outages in it. */
  readonly longestPauseMillis: number
}

/**
 * Beyond the outage itself: 5 s until a dead carrier is noticed, an attempt that fails late (10 s), TCP's own backoff on the
 * legs that nobody dials anew, and 3 s at a control session that is dead and does not know it. kubectl's exec has 61 s.
 */
const pauseBudgetMillis = 25_000
const tombstoneMillis = 331_000

/** One random life of a user's streams: bytes flow both ways while things break; then all is well, and everything has to be there. */
export const run = async (seed: number): Promise<Verdict> => {
  const model = new Model(seed)
  const { clock, random } = model
  const faults: Fault[] = []
  const count = 1 + Math.floor(random() * 3)
  // The agents' first control sessions.
  await model.until(() => false, 3_000)
  for (let opened = 0; opened < count; opened += 1) await model.openStream()
  let writing = true
  for (const { proxy, server } of model.pairs) {
    const heartbeat = () => {
      if (!writing) return
      proxy.driver.write(1 + Math.floor(random() * 300))
      server?.driver.write(1 + Math.floor(random() * 300))
      clock.after(100 + random() * 800, heartbeat)
    }
    heartbeat()
    proxy.driver.write(Math.floor(random() ** 3 * 2_000_000))
    server?.driver.write(Math.floor(random() ** 3 * 2_000_000))
  }
  const strikes = 1 + Math.floor(random() * 8)
  for (let struck = 0; struck < strikes; struck += 1) {
    await model.until(() => false, random() * 15_000)
    const fault = strike(model)
    faults.push(fault)
    // Mostly one at a time; sometimes the next comes in the middle of this one.
    await model.until(() => false, fault.lastsMillis * (random() < 0.3 ? random() : 1))
  }
  await model.until(() => false, Math.max(0, ...faults.map((one) => one.atMillis + one.lastsMillis - clock.now)))
  await model.until(() => false, 45_000)
  writing = false
  for (const { proxy, server } of model.pairs) {
    proxy.driver.finish()
    server?.driver.finish()
  }
  const over = () =>
    model.pairs.every(({ proxy, server }) => proxy.record.ends.length > 0 && (server?.record.ends.length ?? 1) > 0)
  if (!(await model.until(over, 600_000))) model.violations.push("a stream never ended")
  await model.until(() => false, tombstoneMillis)
  return judged(model, seed, faults)
}

const judged = (model: Model, seed: number, faults: readonly Fault[]): Verdict => {
  const violations = [...model.violations]
  let longest = 0
  for (const [index, { proxy, server }] of model.pairs.entries()) {
    const sides = [
      ["proxy", proxy.record, server?.record],
      ["auth proxy", server?.record, proxy.record],
    ] as const
    for (const [name, mine, other] of sides) {
      if (mine === undefined || other === undefined) continue
      const said = `stream ${index}, ${name}`
      if (mine.ends.length !== 1 || mine.ends[0] !== reason.closed)
        violations.push(`${said}: ended ${mine.ends.join()}`)
      if (mine.delivered !== other.written) violations.push(`${said}: got ${mine.delivered} of ${other.written} bytes`)
      const { longestPauseFrom: from, longestPauseMillis: pause } = mine
      const beyond = pause - model.outageIn(from, from + pause)
      longest = Math.max(longest, beyond)
      if (beyond > pauseBudgetMillis)
        violations.push(`${said}: ${Math.round(beyond)} ms of silence from ${Math.round(from)}`)
    }
    if (proxy.driver.state.phase !== "gone") violations.push(`stream ${index}: the proxy still remembers it`)
  }
  const left = model.authProxies.reduce((sum, one) => sum + one.remembered, 0)
  if (left > 0) violations.push(`${left} streams are remembered after the tombstones' time`)
  const { carriers, openings, tickets, counted, queued } = model.relay.counts
  const atAgents = model.agents.reduce((sum, one) => sum + (one?.carriers ?? 0), 0)
  if (carriers + openings + tickets + counted + queued + atAgents > 0)
    violations.push(
      `left: ${carriers} carriers, ${openings} openings, ${tickets} tickets, ${counted} streams of sessions, ${queued} queued dials at the relay, ${atAgents} carriers at agents`,
    )
  return {
    seed,
    faults,
    violations,
    streams: model.pairs.length,
    resumes: model.pairs.reduce((sum, { proxy }) => sum + proxy.resumes, 0),
    bytes: model.pairs.reduce(
      (sum, { proxy, server }) => sum + proxy.record.delivered + (server?.record.delivered ?? 0),
      0,
    ),
    longestPauseMillis: longest,
  }
}
