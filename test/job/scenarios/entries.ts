import { expect, test } from "bun:test"
import { type Job, type JobOptions, startJob } from "../Job.ts"
import type { TwoClusters } from "../TwoClusters.ts"

const user: JobOptions = { subject: "entries", tokenSeconds: 3_600 }

/** Kubeconfig entries that stay: real kubectl runs the plugin that they name. */
export const entries = (world: () => TwoClusters) => {
  const said = async (job: Job, program: "clusterconnect" | "kubectl", ...words: readonly string[]) => {
    const run = job.command(program, words)
    return { code: await run.exited, ...run.said }
  }

  test("kubectl starts the proxy that its entry needs, one for ten that begin at once, and again after it was stopped or killed", async () => {
    const job = await startJob(world(), user)
    const authority = ["--ca-file", world().outside.caFile]
    for (const cluster of ["edge-1", "edge-2"])
      expect(await said(job, "clusterconnect", "kubeconfig", cluster, "--merge", ...authority)).toMatchObject({
        ...{ code: 0, stdout: "" },
      })
    const kubectl = (context: string) => said(job, "kubectl", "--context", context, "auth", "whoami", "-o", "name")
    const pids = async (): Promise<readonly number[]> =>
      JSON.parse((await said(job, "clusterconnect", "status", "--output", "json")).stdout).proxies.map(
        ({ pid }: { pid: number }) => pid,
      )
    try {
      const answers = await Promise.all(Array.from({ length: 10 }, () => kubectl("edge-1")))
      expect(answers.filter(({ code }) => code !== 0)).toEqual([])
      const [first, ...more] = await pids()
      expect(more).toEqual([])
      expect(await kubectl("edge-2")).toMatchObject({ code: 0, stderr: "" })
      expect((await pids()).length).toBe(2)
      expect(await said(job, "clusterconnect", "stop", "edge-2")).toMatchObject({ code: 0 })
      process.kill(first!, "SIGKILL")
      for (const context of ["edge-1", "edge-2"]) expect(await kubectl(context)).toMatchObject({ code: 0, stderr: "" })
    } finally {
      expect(await said(job, "clusterconnect", "stop", "--all")).toMatchObject({ code: 0 })
    }
    expect(await said(job, "clusterconnect", "status")).toMatchObject({ code: 1 })
  })
}
