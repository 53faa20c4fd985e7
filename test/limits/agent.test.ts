/** Limits of the agent, each at its bound: what the relay is told, and where the operator sees it. */
import { expect, test } from "bun:test"
import { AuthProxies } from "../../agent/tunnel/carriers/AuthProxies.ts"
import { Carriers } from "../../agent/tunnel/carriers/Carriers.ts"
import { dialBurst } from "../../agent/tunnel/carriers/TokenBucket.ts"
import { countCarrier } from "../../agent/tunnel/metrics.ts"
import type { Dial, DialFailure } from "../../protocol/control.ts"
import { streamProtocol } from "../../protocol/names.ts"
import { newSecret } from "../../protocol/ticket.ts"
import { metricValue } from "./metricValue.ts"

test("dials beyond a burst of 256 at once are refused as overloaded, and counted", async () => {
  const before = metricValue("clusterconnect_agent_dials_total", 'outcome="overloaded"')
  const nowhere = new AuthProxies([])
  const carriers = new Carriers({
    ready: nowhere,
    all: nowhere,
    pickUp: () => Promise.reject(new Error("no dial comes that far")),
    onReport: countCarrier,
    onCount: () => {},
  })
  const dial = (): Dial => ({
    type: "dial",
    ticket: newSecret(),
    replica: "relay-0",
    protocols: [streamProtocol],
    callerHash: newSecret(),
    clientAddress: "203.0.113.7",
  })
  const reasons: DialFailure[] = []
  await Promise.all(
    Array.from({ length: 2 * dialBurst }, () =>
      carriers.serve(dial(), "secret", (reason) => void reasons.push(reason)),
    ),
  )
  const overloaded = reasons.filter((reason) => reason === "overloaded").length
  expect(reasons).toHaveLength(2 * dialBurst)
  // The bucket fills again while they are refused: half a dial a millisecond.
  expect(overloaded).toBeGreaterThan(dialBurst / 2)
  expect(overloaded).toBeLessThanOrEqual(dialBurst)
  expect(metricValue("clusterconnect_agent_dials_total", 'outcome="overloaded"')).toBe(before + overloaded)
})
