import { seeded } from "../model/network/VirtualClock.ts"
import { startWorld } from "../world/World.ts"
import { group, prepareObjects } from "./faultObjects.ts"
import type { Stage } from "./faults.ts"
import { Beginnings } from "./sessions/Beginnings.ts"
import { startTicker } from "./sessions/ticker.ts"
import { createUserNetwork } from "./UserNetwork.ts"

export interface PreparedStage extends Stage {
  /** Of the file in pod `files`. */
  readonly sha256: string
}

/** The whole product on a cluster of level `node`, a user in a network of their own, and what the sessions talk to. */
export const startStage = async (
  stack: AsyncDisposableStack,
  options: { readonly seed: number; readonly megabytes: number; readonly onProgress: (line: string) => void },
): Promise<PreparedStage> => {
  const world = await startWorld(stack, { level: "node", recorded: false, debug: true, onProgress: options.onProgress })
  const network = await createUserNetwork()
  stack.defer(() => network.stop())
  const sha256 = await prepareObjects(world.cluster, options.megabytes)
  const user = await world.user("sam", [group], network.within)
  stack.defer(async () => void (await user.proxy.stop()))
  const ticker = startTicker(world.cluster)
  stack.defer(() => ticker.stop())
  const random = seeded(options.seed)
  const beginnings = new Beginnings()
  return { world, network, user, beginnings, sha256, between: (from, to) => from + random() * (to - from) }
}
