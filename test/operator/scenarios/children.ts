import { expect, test } from "bun:test"
import { childName, ownerLabel } from "../../../operator/children/childNames.ts"
import { eventually } from "../../world/eventually.ts"
import type { User } from "../../world/User.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"

const limitMillis = 60_000

interface Live {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly uid: string }
  // biome-ignore lint/suspicious/noExplicitAny: objects of eight kinds
  readonly [field: string]: any
}

/** What holds the identity that clients have pinned: it is backed up, not made again. */
const identity = `secret/${childName("edge", "identity")}`

const kinds = [
  ...["deployments", "services", "configmaps", "secrets", "serviceaccounts"],
  ...["poddisruptionbudgets", "networkpolicies", "clusterrolebindings"],
].join(",")

/** Other hands at what the operator made: all of it is made whole, and the cluster can be reached afterwards. */
export const children = (world: () => OperatorWorld, alice: () => User) => {
  const admin = (...args: readonly string[]) => world().cluster.admin(["--namespace", world().namespace, ...args])
  const keyOf = ({ kind, metadata }: Live) => `${kind.toLowerCase()}/${metadata.name}`
  const live = async (): Promise<ReadonlyMap<string, Live>> => {
    const { items } = JSON.parse(await admin("get", kinds, "--selector", `${ownerLabel}=edge`, "--output=json"))
    return new Map(items.map((one: Live) => [keyOf(one), one]))
  }
  const reachable = async () => {
    await world().complete("edge")
    await eventually("alice gets an answer", limitMillis, async () => {
      const { stdout, stderr } = await alice().kubectl.run(["-n", "work", "get", "pod", "shell", "-o", "name"])
      return stdout === "pod/shell\n" ? { done: undefined } : { seen: stderr }
    })
  }

  test("each one that is deleted is made again", async () => {
    const before = await live()
    expect(before.size).toBeGreaterThanOrEqual(14)
    const deleted = [...before.keys()].filter((key) => key !== identity)
    await admin("delete", "--wait=false", ...deleted)
    await eventually("all children are there anew", limitMillis, async () => {
      const now = await live()
      const missing = deleted.filter((key) =>
        [undefined, before.get(key)?.metadata.uid].includes(now.get(key)?.metadata.uid),
      )
      return missing.length === 0 ? { done: undefined } : { seen: missing }
    })
    await reachable()
  })

  const authProxy = childName("edge", "auth-proxy")
  test.each([
    [
      "a foreign variable of the auth proxy",
      `deployment/${authProxy}`,
      [{ op: "add", path: "/spec/template/spec/containers/0/env/-", value: { name: "FOREIGN", value: "1" } }],
      (one: Live) => one.spec.template.spec.containers[0].env,
    ],
    [
      "a container beside the auth proxy",
      `deployment/${authProxy}`,
      [{ op: "add", path: "/spec/template/spec/containers/-", value: { name: "foreign", image: "foreign:1" } }],
      (one: Live) => one.spec.template.spec.containers.length,
    ],
    [
      "another subject of the right to impersonate",
      `clusterrolebinding/${childName("edge", "constrained-readwrite")}`,
      [{ op: "add", path: "/subjects/-", value: { kind: "ServiceAccount", name: "default", namespace: "default" } }],
      (one: Live) => one.subjects,
    ],
    [
      "a configuration that lets others in",
      `configmap/${authProxy}`,
      [{ op: "replace", path: "/data", value: {} }],
      (one: Live) => one.data,
    ],
    [
      "a Service's port",
      `service/${authProxy}`,
      [{ op: "replace", path: "/spec/ports/0/port", value: 1 }],
      (one: Live) => one.spec.ports,
    ],
  ] as const)("%s is put right", async (_what, object, patch, part) => {
    const wanted = part((await live()).get(object)!)
    await admin("patch", object, "--type=json", `--patch=${JSON.stringify(patch)}`)
    await eventually("it is as it was", limitMillis, async () => {
      const now = part((await live()).get(object)!)
      return Bun.deepEquals(now, wanted) ? { done: undefined } : { seen: now }
    })
    await reachable()
  })

  test("every pod that is killed comes back, the operator's own too, and the path with it", async () => {
    await admin("delete", "pods", "--all", "--grace-period=0", "--force")
    await admin("rollout", "status", "deployment", "--selector=app.kubernetes.io/name=clusterconnect", "--timeout=120s")
    await reachable()
  })
}
