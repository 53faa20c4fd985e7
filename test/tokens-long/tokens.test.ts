/** `bun run test:long tokens`: real kubectl sessions of more than five minutes with tokens that live one. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import type { ChildProcess } from "node:child_process"
import { renameSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { buildHelm } from "../cluster/delivery/provideHelm.ts"
import { BUSYBOX_IMAGE } from "../cluster/image/testImages.ts"
import { runProgram } from "../cluster/process/runProgram.ts"
import { prepare } from "../e2e/fixtures.ts"
import { configMap, hookJob, writeChart } from "../job/chart.ts"
import { startWorld, type User, type World } from "../world/World.ts"

const tokenSeconds = 60
const sessionSeconds = 310
/** Before two thirds of a token's life are over. */
const renewMillis = 35_000

const stack = new AsyncDisposableStack()
let world: World
let alice: User
let helm: string
let renewals = 0

/** New tokens in the files that the proxy reads, each put in place whole. */
const renew = async () => {
  const folder = dirname(alice.kubeconfig)
  const host = new URL(world.relayUrl).host
  for (const [file, audience] of [
    ["cluster-token", `clusterconnect:${host}/${world.clusterName}`],
    ["relay-token", `clusterconnect:${host}`],
  ] as const) {
    const token = await world.identityProvider.mint(
      { sub: "alice", groups: ["team-a"] },
      { audience, expiresInSeconds: tokenSeconds },
    )
    writeFileSync(join(folder, `.${file}`), token, { mode: 0o600 })
    renameSync(join(folder, `.${file}`), join(folder, file))
  }
  renewals += 1
}

beforeAll(async () => {
  helm = await buildHelm((line) => console.error(`tokens: ${line}`))
  world = await startWorld(stack, { level: "node", onProgress: (line) => console.error(`tokens: ${line}`) })
  await prepare(world.cluster, BUSYBOX_IMAGE)
  alice = await world.user("alice", ["team-a"])
  await renew()
  const timer = setInterval(() => void renew(), renewMillis)
  stack.defer(() => clearInterval(timer))
}, 1_500_000)
afterAll(() => stack.disposeAsync(), 120_000)

const outputOf = (child: ChildProcess) => {
  const seen = { text: "" }
  child.stdout?.on("data", (chunk: Buffer) => {
    seen.text += chunk.toString()
  })
  return seen
}

/** A release whose Job runs as long as the sessions; its objects are made when that is over. */
const installing = () => {
  const command = ["/bin/sh", "-c", `sleep ${sessionSeconds}`]
  const objects = [
    hookJob("lasting", { image: BUSYBOX_IMAGE, imagePullPolicy: "Never", command }),
    configMap("lasting", {}),
  ]
  const chart = writeChart(world.directory, "lasting", objects)
  const own = (name: string) => join(dirname(alice.kubeconfig), "helm", name)
  const settings = {
    HELM_CACHE_HOME: own("cache"),
    HELM_CONFIG_HOME: own("config"),
    HELM_DATA_HOME: own("data"),
  }
  return runProgram(
    helm,
    ["--kubeconfig", alice.kubeconfig, "install", "lasting", chart, "-n", "e2e", "--wait", "--timeout", "20m"],
    { env: { ...process.env, ...settings } },
  )
}

test(
  "exec, watch and a helm install outlive their first tokens by minutes, and every new request is made with a new one",
  async () => {
    const began = performance.now()
    const install = installing()
    const watch = alice.kubectl.spawn(["get", "configmaps", "-n", "e2e", "--watch-only", "-o", "name"])
    const watched = outputOf(watch)
    const script = `i=0; while [ $i -lt ${sessionSeconds} ]; do echo tick-$i; i=$((i+1)); sleep 1; done; echo whole`
    const exec = alice.kubectl.spawn(["exec", "-n", "e2e", "shell", "--", "sh", "-c", script])
    const executed = outputOf(exec)
    const code = await new Promise((resolve) => exec.once("close", resolve))
    expect([code, executed.text.trim().split("\n").length, executed.text.endsWith("whole\n")]).toEqual([
      0,
      sessionSeconds + 1,
      true,
    ])
    const installed = await install
    // helm says on stderr that it ends its own watches.
    expect([installed.code, installed.stdout]).toEqual([0, expect.stringContaining("STATUS: deployed")])
    expect(performance.now() - began).toBeGreaterThan(sessionSeconds * 1_000)
    expect(renewals).toBeGreaterThan(sessionSeconds / tokenSeconds)
    const made = await alice.kubectl.run(["create", "configmap", "late", "-n", "e2e"])
    expect([made.code, made.stderr]).toEqual([0, ""])
    const list = await alice.kubectl.run(["get", "configmaps", "-n", "e2e"])
    expect(list.code).toBe(0)
    watch.kill("SIGTERM")
    await new Promise((resolve) => watch.once("close", resolve))
    expect(watched.text).toContain("configmap/lasting")
    expect(watched.text).toContain("configmap/late")
  },
  (sessionSeconds + 120) * 1_000,
)
