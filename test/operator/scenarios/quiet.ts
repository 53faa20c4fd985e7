import { expect, test } from "bun:test"
import { operatorHealthPort } from "../../../operator/children/childNames.ts"
import { eventually } from "../../world/eventually.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"
import { operatorWrites } from "../operatorWrites.ts"
import { podMetric } from "../podMetric.ts"

/** A settled resource is looked at every 15 s. */
const passMillis = 15_000

/** To be called while nobody changes anything; the resource is Ready and all its pods run. */
export const quiet = (world: () => OperatorWorld, passes = 2) => {
  const passesDone = () => podMetric(world(), "operator", operatorHealthPort, "clusterconnect_operator_passes_total")

  test("where nothing changed, passes write nothing", async () => {
    const [passesBefore, writesBefore] = [await passesDone(), operatorWrites(world()).length]
    await eventually(`${passes} more passes`, 60_000 + 2 * passes * passMillis, async () => {
      const done = (await passesDone()) - passesBefore
      return done >= passes ? { done: undefined } : { seen: done }
    })
    expect(operatorWrites(world()).slice(writesBefore)).toEqual([])
    expect(writesBefore).toBeGreaterThan(14)
  })
}
