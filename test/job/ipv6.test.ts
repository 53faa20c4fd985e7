/** The whole path over IPv6: user, relay, identity provider and agent have no IPv4 way to one another. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { canBeSixOnly, createSixOnly } from "../client/SixOnly.ts"
import type { Cluster } from "../cluster/Cluster.ts"
import { mustRun } from "../cluster/process/runProgram.ts"
import { startCluster } from "../cluster/startCluster.ts"
import { startClusterSide } from "../world/clusterSide.ts"
import { type Outside, startOutside } from "../world/Outside.ts"
import { starter } from "../world/Starter.ts"
import { startUser, type User } from "../world/User.ts"

const startLimitMillis = 1_500_000

/** Gives the closed cluster a way out over IPv6. Its firewall drops what asks for neighbours, so each end is told of the other. */
const addWayOut = async (cluster: Cluster): Promise<void> => {
  const namespace = cluster.namespace ?? ""
  const field = async (pattern: RegExp, ...args: readonly string[]) =>
    pattern.exec(await mustRun("ip", args))?.[1] ?? ""
  const outside = await field(/^\d+: (\S+)/, "-o", "address", "show", "to", cluster.outsideAddress)
  const hardware = /link\/ether (\S+)/
  const [outsideMac, insideMac] = [
    await field(hardware, "-o", "link", "show", "dev", outside),
    await field(hardware, "-netns", namespace, "-o", "link", "show", "dev", "uplink"),
  ]
  const prefix = `fd96:cc:0:${cluster.outsideAddress.split(".")[2]}`
  await mustRun("ip", ["address", "add", `${prefix}::1/64`, "dev", outside, "nodad"])
  await mustRun("ip", ["neighbour", "add", `${prefix}::2`, "lladdr", insideMac, "dev", outside, "nud", "permanent"])
  const inside = [
    `address add ${prefix}::2/64 dev uplink nodad`,
    `neighbour add ${prefix}::1 lladdr ${outsideMac} dev uplink nud permanent`,
    `route add default via ${prefix}::1 dev uplink`,
  ]
  await mustRun("ip", ["-netns", namespace, "-6", "-batch", "-"], { input: `${inside.join("\n")}\n` })
}

/** Skipped where the kernel has no IPv6. */
describe.skipIf(!canBeSixOnly)("over IPv6 alone", () => {
  const stack = new AsyncDisposableStack()
  let outside: Outside
  let user: User
  beforeAll(async () => {
    const onProgress = (line: string) => console.error(`ipv6: ${line}`)
    const directory = mkdtempSync(join(tmpdir(), "clusterconnect-six-"))
    stack.defer(async () => void (await rm(directory, { recursive: true, force: true })))
    const cluster = await startCluster({ level: "control-plane", name: "six", closed: true, onProgress })
    stack.defer(async () => void (await cluster.stop()))
    await addWayOut(cluster)
    const machine = await createSixOnly()
    stack.defer(() => machine.stop())
    const programs = starter(stack)
    const clusterName = "edge-6"
    // The relay itself listens and speaks TLS there.
    const common = { host: machine.address, directory, clusters: [clusterName], recorded: false }
    outside = await startOutside(stack, programs, { ...common, onProgress })
    const side = await startClusterSide({
      ...{ cluster, clusterName, relayUrl: outside.relayUrl, caFile: outside.caFile },
      identityProvider: outside.identityProvider,
      joinToken: (await outside.relayCommand(["token", "create", clusterName])).trim(),
      holdSeconds: 30,
      logLevel: [],
      start: programs.followed,
    })
    const started = await startUser(programs, {
      ...{ name: "alice", groups: [], outside, clusterName, directory, pin: side.pin, kubectl: cluster.kubectl },
      within: machine.within(),
    })
    user = started.user
  }, startLimitMillis)
  afterAll(() => stack.disposeAsync(), 120_000)

  test("kubectl on a machine without IPv4 is the user it should be, through relay and agent", async () => {
    expect(new URL(outside.relayUrl).host).toMatch(/^\[fd97:/)
    const whoami = await user.kubectl.run(["auth", "whoami"])
    expect([whoami.code, whoami.stdout, whoami.stderr]).toEqual([0, expect.stringContaining("oidc:alice"), ""])
    const version = await user.kubectl.run(["get", "--raw", "/version"])
    expect([version.code, version.stdout]).toEqual([0, expect.stringContaining("gitVersion")])
  })
})
