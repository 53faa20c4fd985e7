import { expect, test } from "bun:test"
import type { World } from "../../world/World.ts"

/** The main promise: nothing can be dialled inside, and it all works. */
export const isolation = (world: () => World): void => {
  test("no new connection from outside gets in, to any port of the cluster's side", async () => {
    const probe = await world().cluster.probeInbound()
    expect(probe).toEqual({ fromOutside: "timed out", fromInside: "connected", closed: true })
    expect(await world().cluster.droppedPackets()).toBeGreaterThan(0)
  })
}
