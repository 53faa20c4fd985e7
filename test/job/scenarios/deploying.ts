import { beforeAll, expect, test } from "bun:test"
import { readdirSync } from "node:fs"
import { eventually } from "../../world/eventually.ts"
import { configMap, writeChart } from "../chart.ts"
import { type Job, startJob } from "../Job.ts"
import type { Member, TwoClusters } from "../TwoClusters.ts"

/** `clusterconnect run a,b -- sh -c 'kubectl --context a … && helm --kube-context b upgrade --install …'`, and all that may become of it. */
export const deploying = (world: () => TwoClusters): void => {
  let job: Job
  let chart: string
  beforeAll(async () => {
    job = await startJob(world(), { subject: "deployer", tokenSeconds: 3_600 })
    chart = writeChart(world().directory, "app", [configMap("{{ .Release.Name }}", { said: "{{ .Values.said }}" })])
  })

  const said = ({ cluster }: Member, name: string) =>
    cluster.admin(["get", "configmap", name, "-n", "team", "--output=jsonpath={.data.said}"])
  /** kubectl in the first cluster, helm in the second. */
  const script = (name: string, value: string) =>
    [
      `kubectl --context edge-1 create configmap ${name} -n team --from-literal=said=${value} --dry-run=client -o yaml`,
      "| kubectl --context edge-1 apply --server-side -f -",
      `&& helm --kube-context edge-2 upgrade --install ${name} ${chart} -n team --set said=${value}`,
    ].join(" ")
  const nothingLeft = () => expect(readdirSync(job.temporary)).toEqual([])

  test("kubectl in one and helm in the other: installed, then upgraded", async () => {
    for (const value of ["installed", "upgraded"]) {
      const { exited, said: output } = job.run("edge-1,edge-2", ["sh", "-c", script("app", value)])
      expect([await exited, output.stderr]).toEqual([0, ""])
      expect(output.stdout).toContain("STATUS: deployed")
      expect([await said(world().first, "app"), await said(world().second, "app")]).toEqual([value, value])
    }
    nothingLeft()
  })

  test("the first cluster is the current context, and each context leads to its own cluster", async () => {
    const command =
      "kubectl config current-context && kubectl get configmaps -n team -o name && kubectl --context edge-2 auth whoami"
    await world().second.cluster.admin(["create", "configmap", "only-in-second", "-n", "team"])
    const { exited, said: output } = job.run("edge-1,edge-2", ["sh", "-c", command])
    expect([await exited, output.stderr]).toEqual([0, ""])
    expect(output.stdout).toStartWith("edge-1\n")
    expect(output.stdout).not.toContain("only-in-second")
    expect(output.stdout).toContain("oidc:deployer")
  })

  test.each([
    ["kubectl", "kubectl --context edge-1 get configmap absent -n team && touch $TMPDIR/went-on", 1, "not found"],
    ["helm", "helm --kube-context edge-2 install app /nowhere -n team && touch $TMPDIR/went-on", 1, "nowhere"],
    ["a right that the caller lacks", "kubectl --context edge-2 get secrets -n kube-system", 1, "Forbidden"],
    ["the script itself", "kubectl --context edge-1 get --raw /version >/dev/null; exit 42", 42, ""],
    ["a signal", "kubectl --context edge-1 get --raw /version >/dev/null; kill -KILL $$", 137, ""],
  ])("the exit code of what fails is the job's: %s", async (_, command, code, text) => {
    const { exited, said: output } = job.run("edge-1,edge-2", ["sh", "-c", command])
    expect([await exited, output.stderr]).toEqual([code, expect.stringContaining(text)])
    nothingLeft()
  })

  test("several at once in one job, each with both clusters", async () => {
    const names = ["one", "two", "three", "four"]
    const runs = names.map((name) => job.run("edge-1,edge-2", ["sh", "-c", script(name, name)]))
    expect(await Promise.all(runs.map(({ exited }) => exited))).toEqual([0, 0, 0, 0])
    for (const name of names)
      expect([await said(world().first, name), await said(world().second, name)]).toEqual([name, name])
    nothingLeft()
  })

  // A watching kubectl ends with 1 by each of them; one that has only just begun is ended by the signal itself.
  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
    ["SIGHUP", 129],
  ] as const)(
    "%s goes to kubectl, whose end is ours (1 or %d), and no watch is left at the API server",
    async (signal, killed) => {
      const { side } = world().first
      const before = await side.apiServerWatches("configmaps")
      const watch = ["kubectl", "get", "configmaps", "-n", "team", "--watch", "-o", "name"]
      const { child, exited, until } = job.run("edge-1", watch)
      await until("configmap/app")
      await eventually("the watch at the API server", 60_000, async () => {
        const now = await side.apiServerWatches("configmaps")
        return now === before + 1 ? { done: now } : { seen: { now, before } }
      })
      child.kill(signal)
      expect([1, killed]).toContain(await exited)
      await eventually("no watch of the job's", 60_000, async () => {
        const now = await side.apiServerWatches("configmaps")
        return now === before ? { done: now } : { seen: { now, before } }
      })
      nothingLeft()
    },
  )
}
