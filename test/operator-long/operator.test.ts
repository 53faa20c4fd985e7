/** `bun run test:long operator`: what the operator does, and leaves alone, while minutes pass. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as after } from "node:timers/promises"
import { end, lines } from "../e2e/sides.ts"
import type { OperatorWorld } from "../operator/OperatorWorld.ts"
import { quiet } from "../operator/scenarios/quiet.ts"
import { rotationUnderSessions } from "../operator/scenarios/rotationUnderSessions.ts"
import { startConnected } from "../operator/startConnected.ts"
import type { User } from "../world/User.ts"

setDefaultTimeout(900_000)

const buildMillis = 30 * 60_000
const awayMillis = 5 * 60_000
/** Two minutes of them. */
const quietPasses = 8

const stack = new AsyncDisposableStack()
let world: OperatorWorld
let alice: User

beforeAll(async () => {
  ;({ world, alice } = await startConnected(stack, (line) => console.error(`operator: ${line}`)))
}, buildMillis)

afterAll(async () => {
  await stack.disposeAsync()
}, 120_000)

const admin = (...args: readonly string[]) => world.cluster.admin(args)

const podsOf = async (role: "agent" | "auth-proxy") => {
  const selector = `app.kubernetes.io/component=${role},app.kubernetes.io/instance=edge`
  const names = await admin(
    "get",
    "pods",
    "-n",
    world.namespace,
    "-l",
    selector,
    "-o",
    "jsonpath={.items[*].metadata.name}",
  )
  return names.split(" ")
}

const evict = async (name: string) => {
  const { namespace, cluster } = world
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace } }
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`
  await cluster.admin(["create", "--raw", path, "--filename=-"], { input: JSON.stringify(eviction) })
}

describe("for two minutes", () => quiet(() => world, quietPasses))

test("a relay that is away, loses its database and gets its registrations back: one change of Ready each way, pods evicted meanwhile, no action in the cluster", async () => {
  const { cluster, outside, directory } = world
  const path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}{'\\n'}"
  const watching = cluster.spawn(cluster.kubectl, [
    ...[`--kubeconfig=${cluster.adminKubeconfig}`, "get", "cc", "edge", "--watch", `--output=${path}`],
  ])
  const states = lines(watching)
  await states.until("True")

  const registrations = join(directory, "registrations.json")
  writeFileSync(registrations, await outside.relayCommand(["cluster", "export"]))
  await outside.relay.stop("SIGKILL")
  const away = after(awayMillis)
  await admin("wait", "cc/edge", "--for=condition=Connected=False", "--timeout=150s")
  await states.until("False")
  const reason =
    "jsonpath={.status.conditions[?(@.type=='Reconciling')].reason}{.status.conditions[?(@.type=='Stalled')].reason}"
  expect(await admin("get", "cc", "edge", "-o", reason)).toBe("RelayUnreachable")
  for (const name of await podsOf("agent")) await evict(name)
  const [proxy = ""] = await podsOf("auth-proxy")
  await evict(proxy)
  await away
  for (const name of ["relay.sqlite", "relay.sqlite-wal", "relay.sqlite-shm"])
    rmSync(join(outside.directory, "relay", name), { force: true })
  await outside.relayCommand(["cluster", "import", registrations])
  await outside.restartRelay("SIGKILL")
  await world.complete("edge")
  const got = await alice.kubectl.run(["-n", "work", "get", "pod", "shell", "-o", "name"])
  expect(got).toMatchObject({ code: 0, stdout: "pod/shell\n" })
  await end(watching, "SIGTERM")
  expect(states.seen.filter((state, index) => state !== states.seen[index - 1])).toEqual(["True", "False", "True"])
})

describe("credentials, pods and images replaced under open sessions", () =>
  rotationUnderSessions(
    () => world,
    () => alice,
  ))
