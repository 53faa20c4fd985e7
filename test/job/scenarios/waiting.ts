import { expect, test } from "bun:test"
import { startJob } from "../Job.ts"
import type { TwoClusters } from "../TwoClusters.ts"

/** Real agents that are away when a job begins. */
export const waiting = (world: () => TwoClusters): void => {
  test("a job waits for an agent that connects late; for one that stays away it ends with 125, and runs nothing", async () => {
    const { second } = world()
    const job = await startJob(world(), { subject: "early", tokenSeconds: 3_600 })
    const version = ["kubectl", "--context", "edge-2", "get", "--raw", "/version"]
    await second.side.agent.stop()

    const given = job.run("edge-1,edge-2", version, ["--wait-timeout", "1"])
    expect(await given.exited).toBe(125)
    expect(given.said.stdout).toBe("")
    expect(given.said.stderr).toMatch(/clusterconnect: agent: cluster edge-2 was not ready within 1 s: /)

    const run = job.run("edge-1,edge-2", version)
    await run.until("cluster edge-2 is not ready, waiting for up to 60 s")
    await second.side.restartAgent("SIGTERM")
    expect([await run.exited, run.said.stdout]).toEqual([0, expect.stringContaining("gitVersion")])
  })
}
