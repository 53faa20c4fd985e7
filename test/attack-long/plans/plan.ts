import fc from "fast-check"
import {
  type CarrierPlan,
  type ControlPlan,
  carrierPlan,
  controlPlan,
  type RelayRequestPlan,
  relayRequestPlan,
} from "./relayPlans.ts"
import { type ConnectionPlan, connectionPlan } from "./requestPlan.ts"

export type Plan = ConnectionPlan | RelayRequestPlan | CarrierPlan | ControlPlan

const plan: fc.Arbitrary<Plan> = fc.oneof(
  { weight: 6, arbitrary: connectionPlan },
  { weight: 4, arbitrary: relayRequestPlan },
  { weight: 2, arbitrary: carrierPlan },
  { weight: 1, arbitrary: controlPlan },
)

const batchSize = 64

/** Plans without end; equal for equal seeds. Each batch has its own seed, so that a later one can be reached at once. */
export function* plans(seed: number): Generator<{ readonly plan: Plan; readonly seed: number }> {
  for (let batch = seed; ; batch += 1)
    for (const drawn of fc.sample(plan, { seed: batch, numRuns: batchSize })) yield { plan: drawn, seed: batch }
}
