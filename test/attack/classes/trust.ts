import { afterAll, afterEach, beforeAll, expect } from "bun:test"
import { TrustRange } from "../range/TrustRange.ts"
import { clusterIdentity } from "./trust/clusterIdentity.ts"
import { evilCluster } from "./trust/evilCluster.ts"
import { lyingRelay } from "./trust/lyingRelay.ts"

/**
 * The client believes the relay nothing about who the cluster is, nor about where its tokens belong; and a cluster that is truly itself
 * gets nothing but what belongs to it. The client is real, the relay and the cluster are the test's.
 */
export const trust = (): void => {
  let range: TrustRange

  beforeAll(async () => {
    range = await TrustRange.start()
  })
  afterEach(() => {
    range.beHonest()
    // In no test may the relay get the token for the cluster, or any part of it.
    for (const part of range.clusterToken.split(".").slice(1, 2)) expect(range.relay.received()).not.toContain(part)
  })
  afterAll(() => range.stop())

  clusterIdentity(() => range)
  lyingRelay(() => range)
  evilCluster(() => range)
}
