import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Cluster } from "../cluster/Cluster.ts"
import { directSide, type Side } from "../e2e/sides.ts"
import { group, namespace, prepareObjects } from "../fault/faultObjects.ts"
import type { Protocol } from "../fault/sessions/Session.ts"
import { startWorld } from "../world/World.ts"
import type { Case } from "./measured.ts"
import { disturbedCopy, silentExec, slowExec, stopped } from "./readers.ts"

const megabytes = 50
const slowBytes = 16_000_000
/** Copies are disturbed when one to twelve times as much is left: up to what all queues of the way hold together. */
const stepBytes = 700_000
/** From nothing to more than all queues hold, once for each step. */
const silentTimes = 96
const silentStepBytes = 350_000
/** Slow readers cost nothing but time; copies want the machine. */
const slowAtOnce = 10

interface Way {
  readonly name: string
  readonly side: Side
  readonly times: number
}

/** Their labels begin so. */
export const throughUs = "through us"

/** The whole product on a cluster of level `node`, and what is read out of its pods: through us, and without us as the control. */
export const prepareCases = async (
  stack: AsyncDisposableStack,
  asked: { readonly times: number; readonly directTimes: number; readonly say: (line: string) => void },
): Promise<readonly Case[]> => {
  const world = await startWorld(stack, { level: "node", debug: true, onProgress: asked.say })
  const folder = mkdtempSync(join(tmpdir(), "clusterconnect-tails-"))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const whole = await prepareObjects(world.cluster, megabytes)
  const head = ["exec", "-n", namespace, "files", "--", "sh", "-c", `head -c ${slowBytes} /www/data | sha256sum`]
  const slowSum = (await world.cluster.admin(head)).split(" ")[0] ?? ""
  const user = await world.user("tail", [group])
  const direct = directSide(world.cluster, { username: "oidc:tail", groups: [`oidc:${group}`] })
  const nearEnd = (index: number) => megabytes * 1e6 - stepBytes * (1 + (index % 12))
  const file = join(folder, "copy")
  const copies = (way: Way, protocol: Protocol, what: string, how: (kubectl: number) => Promise<void>): Case => ({
    label: `${way.name}, ${protocol}: cp, ${what} near the end`,
    times: way.times,
    atOnce: 1,
    sha256: whole,
    bytes: megabytes * 1e6,
    read: (index) => disturbedCopy(way.side, protocol, file, { atBytes: nearEnd(index), how }),
  })
  const slow = (way: Way, protocol: Protocol): Case => ({
    label: `${way.name}, ${protocol}: exec, slow reader`,
    times: way.times,
    atOnce: slowAtOnce,
    sha256: slowSum,
    bytes: slowBytes,
    read: () => slowExec(way.side, protocol, slowBytes),
  })
  const token = await silentToken(world.cluster)
  const silent: Case = {
    label: "direct, websocket: exec, a client that sends nothing stopped near the end",
    times: silentTimes,
    atOnce: slowAtOnce,
    sha256: whole,
    bytes: megabytes * 1e6,
    read: (index) => silentExec(world.cluster, token, megabytes * 1e6, megabytes * 1e6 - silentStepBytes * (1 + index)),
  }
  const us: Way = { name: throughUs, side: user.kubectl, times: asked.times }
  const without: Way = { name: "direct", side: direct, times: asked.directTimes }
  return [
    ...(["websocket", "spdy"] as const).flatMap((protocol) => [
      slow(us, protocol),
      slow(without, protocol),
      copies(us, protocol, "kubectl stopped", stopped),
      copies(without, protocol, "kubectl stopped", stopped),
      copies(us, protocol, "relay stopped", () => stopped(world.relay.pid)),
      copies(us, protocol, "relay killed", () => world.restartRelay("SIGKILL")),
      copies(us, protocol, "agent killed", () => world.restartAgent("SIGKILL")),
    ]),
    silent,
  ]
}

/** Of an account of its own, which may exec. */
const silentToken = async (cluster: Cluster): Promise<string> => {
  await cluster.admin(["create", "serviceaccount", "silent", "-n", namespace])
  const bind = ["create", "rolebinding", "silent", "-n", namespace, "--clusterrole=admin"]
  await cluster.admin([...bind, `--serviceaccount=${namespace}:silent`])
  return (await cluster.admin(["create", "token", "silent", "-n", namespace])).trim()
}
