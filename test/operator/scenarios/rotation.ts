import { afterAll, beforeAll, expect, test } from "bun:test"
import type { User } from "../../world/User.ts"
import { type Load, startLoad } from "../Load.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"
import { replacesCredentials } from "./replacesCredentials.ts"

/** The kubelet brings a changed Secret to running pods within its sync period, which is a minute, and something. */
const limitMillis = 150_000

/** Credentials replaced on demand while users come and an exec goes on. */
export const rotation = (world: () => OperatorWorld, alice: () => User) => {
  let load: Load
  let pinBefore: string
  beforeAll(async () => {
    pinBefore = await world().pin("edge")
    let next = 0
    load = await startLoad(alice(), () => world().user(`rotation-${next++}`, ["team-a"], "edge", { pin: pinBefore }))
  })
  afterAll(() => load?.stop())

  replacesCredentials({ world, limitMillis, pinBefore: () => pinBefore, goesOn: () => load.another() })

  test("meanwhile every new user's connections worked, and an exec lost nothing", async () => {
    const result = await load.stop()
    expect(result.failures).toEqual([])
    expect(result.execCode).toBe(0)
    expect(result.users).toBeGreaterThan(4)
    expect(result.echoes).toBeGreaterThan(20)
  })
}
