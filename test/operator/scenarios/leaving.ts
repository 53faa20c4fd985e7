import { expect, test } from "bun:test"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { installation, manifestText } from "../../../deploy/manifests/installation.ts"
import { operatorName } from "../../../deploy/manifests/names.ts"
import { ownerLabel } from "../../../operator/children/childNames.ts"
import { eventually } from "../../world/eventually.ts"
import type { User } from "../../world/User.ts"
import { nothingLeft } from "../nothingLeft.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"

/** What docs/install.md gives to somebody whose operator was removed before its resources. */
const oneLiner = (): string => {
  const text = readFileSync(fileURLToPath(new URL("../../../docs/install.md", import.meta.url)), "utf8")
  const line = text.split("\n").find((one) => one.includes('"finalizers":null'))
  if (line === undefined) throw new Error("docs/install.md has no line that takes the finalizers off")
  return line.trim()
}

/** Ways to take it away, in every order. Ends with a cluster in which nothing was ever installed. */
export const leaving = (world: () => OperatorWorld, alice: () => User) => {
  const admin = (...args: readonly string[]) => world().cluster.admin(args)
  /** Two minutes: what the product promises, with sessions open or not. */
  const childrenGone = (resource: string) =>
    eventually("the children are gone", 120_000, async () => {
      // By name: kubectl remembers which kinds are in `all`, also those whose definitions have gone.
      const kinds =
        "pods,services,deployments.apps,replicasets.apps,secrets,configmaps,serviceaccounts,poddisruptionbudgets,networkpolicies,clusterrolebindings"
      const found = await admin("get", kinds, "-n", world().namespace, "-l", `${ownerLabel}=${resource}`, "-o", "name")
      return found === "" ? { done: undefined } : { seen: found }
    })
  /** An exec that goes on until it is ended from outside; gives what kubectl said at its end. */
  const openSession = async (
    user: User,
  ): Promise<{ readonly ended: Promise<{ code: number | null; text: string }> }> => {
    const exec = user.kubectl.spawn(["-n", "work", "exec", "-i", "shell", "--", "sh", "-c", "echo open; exec cat"])
    const said: string[] = []
    exec.stderr?.on("data", (chunk) => said.push(String(chunk)))
    const ended = new Promise<{ code: number | null; text: string }>((resolve) =>
      exec.once("exit", (code) => resolve({ code, text: said.join("") })),
    )
    await once(exec.stdout!, "data")
    return { ended }
  }

  test("a resource that is deleted while a session is open is deregistered and gone with all its children, and the session ends", async () => {
    const session = await openSession(alice())
    await admin("delete", "clusterconnect", "edge", "--timeout=60s")
    await childrenGone("edge")
    expect(await world().registered()).not.toContain("edge-1")
    const { code, text } = await session.ended
    expect(code).not.toBe(0)
    expect(text).not.toBe("")
    await alice().proxy.stop()
  })

  test("one that is deleted while the relay is down is gone within a minute, its children within two, with an event", async () => {
    await world().connect({ name: "edge", clusterName: "edge-1" })
    await world().complete("edge")
    const bob = await world().user("bob", ["team-a"], "edge")
    const session = await openSession(bob)
    await world().outside.relay.stop("SIGKILL")
    await admin("delete", "clusterconnect", "edge", "--timeout=60s")
    await childrenGone("edge")
    await bob.proxy.stop()
    await session.ended
    expect(await admin("get", "events", "-n", "default", "-o", "jsonpath={.items[*].reason}")).toContain(
      "DeregistrationFailed",
    )
    await world().outside.restartRelay("SIGKILL")
    expect(await world().registered()).toContain("edge-1")
    await world().outside.relayCommand(["cluster", "deregister", "edge-1"])
  })

  test("where the operator was removed first, the documented command lets the resources go", async () => {
    await world().connect({ name: "edge", clusterName: "edge-1" })
    await world().ready("edge")
    const { cluster, namespace } = world()
    // With its pod, which would answer the finalizer while it stops.
    await admin("delete", "deployment", operatorName, "-n", namespace, "--cascade=foreground", "--timeout=60s")
    await admin("delete", "clusterconnect", "edge", "--wait=false")
    const env = {
      ...process.env,
      PATH: `${dirname(cluster.kubectl)}:${process.env.PATH}`,
      KUBECONFIG: cluster.adminKubeconfig,
    }
    expect(await cluster.run("sh", ["-c", oneLiner()], { env })).toMatchObject({ code: 0, stderr: "" })
    await admin("wait", "--for=delete", "clusterconnect/edge", "--timeout=60s")
    await childrenGone("edge")
    await world().outside.relayCommand(["cluster", "deregister", "edge-1"])
  })

  test("kubectl delete -f install.yaml leaves nothing, and nothing Terminating", async () => {
    const { cluster, image, namespace } = world()
    const input = manifestText(installation({ image, namespace }))
    await cluster.admin(["delete", "--filename=-", "--ignore-not-found", "--timeout=120s"], { input })
    await nothingLeft(cluster)
  })
}
