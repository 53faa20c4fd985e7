import { expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { eventually } from "../../world/eventually.ts"
import { startJob } from "../Job.ts"
import type { TwoClusters } from "../TwoClusters.ts"

/** One of the files of every process that is there now; processes that end meanwhile are passed over. */
const ofProcesses = (file: "cmdline" | "environ"): ReadonlyMap<number, string> => {
  const found = new Map<number, string>()
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue
    try {
      found.set(Number(name), readFileSync(join("/proc", name, file), "latin1"))
    } catch {
      // It has ended.
    }
  }
  return found
}
const holding = (files: ReadonlyMap<number, string>, text: string): readonly number[] =>
  [...files].filter(([, content]) => content.includes(text)).map(([pid]) => pid)

/** While a job runs, and when it has ended. */
export const secrets = (world: () => TwoClusters): void => {
  test("no token and no session credential in an argument, a stranger's environment or a log; no process is left", async () => {
    const marker = `JOB_MARK=${crypto.randomUUID()}`
    const [name = "", value = ""] = marker.split("=")
    const job = await startJob(world(), {
      subject: "quiet",
      tokenSeconds: 3_600,
      inEnvironment: true,
      environment: { [name]: value },
    })
    const command = 'echo "kubeconfig $KUBECONFIG" && exec kubectl --context edge-2 get configmaps -n team -w -o name'
    const run = job.run("edge-1,edge-2", ["sh", "-c", command], ["--log-level", "debug"])
    await run.until("configmap/")
    const kubeconfig = /^kubeconfig (.+)$/m.exec(run.said.stdout)?.[1] ?? ""
    const credentials = (parse(readFileSync(kubeconfig, "utf8")).users as { user: { token: string } }[]).map(
      ({ user }) => user.token,
    )
    expect(new Set(credentials).size).toBe(2)
    const sought = [...job.tokens, ...credentials]
    expect(sought.length).toBe(5)

    const [lines, environments] = [ofProcesses("cmdline"), ofProcesses("environ")]
    // The child is among those that were looked at, and the search can find what is there.
    expect(holding(environments, kubeconfig).length).toBeGreaterThan(0)
    expect(holding(environments, job.tokens[0] ?? "")).toEqual([run.child.pid ?? 0])
    for (const secret of sought) {
      expect(holding(lines, secret)).toEqual([])
      expect(holding(environments, secret).filter((pid) => pid !== run.child.pid)).toEqual([])
    }

    run.child.kill("SIGTERM")
    expect([1, 143]).toContain(await run.exited)
    await eventually("no process of the job", 60_000, async () => {
      const left = holding(ofProcesses("environ"), marker)
      return left.length === 0 ? { done: true } : { seen: left }
    })
    expect(readdirSync(job.temporary)).toEqual([])
    const { outside, first, second } = world()
    const logs = [
      run.said.stdout,
      run.said.stderr,
      readFileSync(join(outside.directory, "relay", "audit.log"), "utf8"),
      ...[outside.relay, first.side.agent, first.side.authProxy, second.side.agent, second.side.authProxy].map(
        ({ log }) => log.join("\n"),
      ),
    ].join("\n")
    expect(run.said.stderr).toContain("stream")
    for (const secret of sought) {
      expect(logs).not.toContain(secret)
      expect(logs).not.toContain(secret.split(".").at(-1) ?? "")
    }
  })
}
