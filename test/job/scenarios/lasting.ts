import { expect, test } from "bun:test"
import { setTimeout as after } from "node:timers/promises"
import { eventually } from "../../world/eventually.ts"
import { configMap, hookJob, writeChart } from "../chart.ts"
import { type Run, startJob } from "../Job.ts"
import type { TwoClusters } from "../TwoClusters.ts"

const tokenSeconds = 15
/** Three of them before a token ends, so that a machine that stands still for seconds loses none. */
const renewMillis = 4_000
/** Who verifies a token takes it for so much longer (security.md): the first one must be of no use to anybody any more. */
const toleranceSeconds = 30

export interface Lasting {
  readonly watch: Run
  readonly install: Run
  /** When nobody accepts any more what the sessions began with; `performance.now()`. */
  readonly firstTokensEndMillis: number
}

/** A watch in one cluster, and in the other a helm that waits for a Job which nobody completes yet. */
export const beginLasting = async (stack: AsyncDisposableStack, world: TwoClusters): Promise<Lasting> => {
  const job = await startJob(world, { subject: "patient", tokenSeconds })
  const firstTokensEndMillis = performance.now() + (tokenSeconds + toleranceSeconds) * 1_000
  const timer = setInterval(() => void job.renew(), renewMillis)
  stack.defer(() => clearInterval(timer))
  const chart = writeChart(world.directory, "lasting", [
    hookJob("lasting"),
    configMap("lasting", { said: "at the end" }),
  ])
  const watch = job.run("edge-1", ["kubectl", "get", "configmaps", "-n", "team", "--watch-only", "-o", "name"])
  const install = job.run("edge-1,edge-2", [
    ...["helm", "--kube-context", "edge-2", "install", "lasting", chart, "-n", "team", "--wait", "--timeout", "20m"],
  ])
  for (const { child } of [watch, install]) stack.defer(() => void child.kill("SIGKILL"))
  await Promise.all([
    eventually("the watch at the API server", 60_000, async () => {
      const now = await world.first.side.apiServerWatches("configmaps")
      return now > 0 ? { done: now } : { seen: now }
    }),
    eventually("the Job that helm waits for", 60_000, async () => {
      const jobs = await world.second.cluster.admin(["get", "jobs", "-n", "team", "-o", "name"])
      return jobs.includes("lasting") ? { done: jobs } : { seen: jobs }
    }),
  ])
  return { watch, install, firstTokensEndMillis }
}

const complete = () => {
  const at = new Date().toISOString().replace(/\.\d+Z/, "Z")
  const condition = (type: string) => ({ type, status: "True", lastTransitionTime: at, lastProbeTime: at })
  const conditions = [condition("SuccessCriteriaMet"), condition("Complete")]
  return JSON.stringify({ status: { startTime: at, completionTime: at, succeeded: 1, conditions } })
}

/** The path of both was cut meanwhile, so that every hop asked for a token again. */
export const lasting = (world: () => TwoClusters, sessions: () => Lasting): void => {
  test("a watch and a helm install go on when the tokens they began with are worth nothing, and the relay has restarted", async () => {
    const { watch, install, firstTokensEndMillis } = sessions()
    await after(Math.max(firstTokensEndMillis - performance.now(), 0))
    await world().outside.restartRelay("SIGTERM")

    await world().first.cluster.admin(["create", "configmap", "late", "-n", "team"])
    await watch.until("configmap/late")
    expect([install.said.stdout, install.child.exitCode]).toEqual(["", null])
    const patch = ["patch", "job", "lasting", "-n", "team", "--subresource=status", "--type=merge", "-p", complete()]
    await world().second.cluster.admin(patch)
    expect([await install.exited, install.said.stdout]).toEqual([0, expect.stringContaining("STATUS: deployed")])
    // Made with a token of now: the release's objects come after its Job.
    const made = ["get", "configmap", "lasting", "-n", "team", "--output=jsonpath={.data.said}"]
    expect(await world().second.cluster.admin(made)).toBe("at the end")
    watch.child.kill("SIGTERM")
    expect(await watch.exited).toBe(1)
  }, 180_000)
}
