import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { childName, ownerLabel } from "../../../operator/children/childNames.ts"
import { eventually } from "../../world/eventually.ts"
import type { User } from "../../world/User.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"

const limitMillis = 60_000
/** `Connected` becomes False a minute after the last session. */
const notice = "--timeout=150s"

const reasonOf = (type: string): string => `{.status.conditions[?(@.type=='${type}')].reason}`

/** What happens to a cluster that is connected, and what is left of it when the cause has gone: nothing. */
export const troubles = (world: () => OperatorWorld, alice: () => User) => {
  const admin = (...args: readonly string[]) => world().cluster.admin(args)
  const reachable = async () => {
    await world().complete("edge")
    await eventually("alice gets an answer", limitMillis, async () => {
      const { stdout, stderr } = await alice().kubectl.run(["-n", "work", "get", "pod", "shell", "-o", "name"])
      return stdout === "pod/shell\n" ? { done: undefined } : { seen: stderr }
    })
  }
  /** Those that nobody has sent away. */
  const pods = async (): Promise<readonly string[]> => {
    const found = await admin("get", "pods", "-n", world().namespace, "-l", `${ownerLabel}=edge`, "-o", "json")
    const { items } = JSON.parse(found) as { items: { metadata: { name: string; deletionTimestamp?: string } }[] }
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined).map(({ metadata }) => metadata.name)
  }

  test("an API server that is killed and comes back needs nobody: what it made runs on, and changes are acted on", async () => {
    const before = await pods()
    await world().cluster.killApiServer()
    await world().cluster.startApiServer()
    await reachable()
    expect(await pods()).toEqual(before)
    await admin("annotate", "cc/edge", "reconcile.fluxcd.io/requestedAt=after-the-restart")
    await admin("wait", "cc/edge", "--for=jsonpath={.status.lastHandledReconcileAt}=after-the-restart", "--timeout=60s")
  })

  test("a cluster that the relay's admin deregistered says so, and a new join token in its Secret enrols it again, with the same identity", async () => {
    const { outside } = world()
    const pin = await world().pin("edge")
    await outside.relayCommand(["cluster", "deregister", "edge-1"])
    await admin("wait", "cc/edge", `--for=jsonpath=${reasonOf("Stalled")}=JoinTokenSpent`, notice)
    await world().joinToken("edge", "edge-1")
    await reachable()
    expect(await world().pin("edge")).toBe(pin)
  })

  test("a cluster that the relay's admin revoked is not connected, and is again when it was restored: nobody enrols anything", async () => {
    const { outside } = world()
    const identity = ["get", "secret", childName("edge", "identity"), "-n", world().namespace, "-o", "jsonpath={.data}"]
    const before = await admin(...identity)
    await outside.relayCommand(["cluster", "revoke", "edge-1"])
    await admin("wait", "cc/edge", "--for=condition=Connected=False", notice)
    await outside.relayCommand(["cluster", "restore", "edge-1"])
    await reachable()
    expect(await admin(...identity)).toBe(before)
  })

  test("an issuer that cannot be reached is named while the others are served, and is forgotten when it is taken out", async () => {
    const gone = {
      name: "gone",
      issuer: { url: `https://${world().cluster.outsideAddress}:1` },
      claimMappings: { username: { claim: "sub", prefix: "gone:" } },
    }
    const change = (...operations: readonly object[]) =>
      admin("patch", "cc/edge", "--type=json", `--patch=${JSON.stringify(operations)}`)
    const condition = (type: string, field: string) =>
      admin("get", "cc/edge", "-o", `jsonpath={.status.conditions[?(@.type=='${type}')].${field}}`)
    await change({ op: "add", path: "/spec/authentication/jwt/-", value: gone })
    await admin("wait", "cc/edge", `--for=jsonpath=${reasonOf("Reconciling")}=IssuerUnreachable`, notice)
    expect(await condition("Reconciling", "message")).toContain(`issuer gone (${gone.issuer.url})`)
    expect(await condition("Ready", "status")).toBe("True")
    await reachable()
    await change({ op: "remove", path: "/spec/authentication/jwt/1" })
    await eventually("nothing is pending", 2 * limitMillis, async () => {
      const seen = await condition("Reconciling", "message")
      return seen === "" ? { done: undefined } : { seen }
    })
    await reachable()
  })

  test("a resource whose only issuer is none says so, and is Ready once it is put right", async () => {
    const { outside } = world()
    const issuer = (url: string, caFile: string) => ({ url, certificateAuthority: readFileSync(caFile, "utf8") })
    const claimMappings = { username: { claim: "sub", prefix: "oidc:" } }
    const jwt = [{ name: "main", issuer: issuer(outside.relayUrl, outside.caFile), claimMappings }]
    await world().connect({ name: "strayed", clusterName: "strayed", spec: { authentication: { jwt } } })
    await admin("wait", "cc/strayed", `--for=jsonpath=${reasonOf("Ready")}=IssuerUnreachable`, notice)
    const { issuer: url, caPem: certificateAuthority } = outside.identityProvider
    const right = [{ op: "replace", path: "/spec/authentication/jwt/0/issuer", value: { url, certificateAuthority } }]
    await admin("patch", "cc/strayed", "--type=json", `--patch=${JSON.stringify(right)}`)
    await admin("wait", "cc/strayed", "--for=condition=Ready", notice)
    await admin("delete", "cc", "strayed", "--timeout=60s")
  })

  test("a second resource connects the same cluster to another relay, and neither knows of the other", async () => {
    const second = await world().secondOutside()
    await world().connect({ name: "other", clusterName: "elsewhere", outside: second })
    await world().complete("other")
    const bob = await world().user("bob", ["team-a"], "other", { outside: second })
    expect(await bob.kubectl.run(["-n", "work", "get", "pods"])).toMatchObject({ code: 0 })
    await bob.proxy.stop()
    await reachable()
    expect(await world().pin("other")).not.toBe(await world().pin("edge"))
    expect(await world().registered()).toEqual(["edge-1"])
    await admin("delete", "cc", "other", "--timeout=60s")
    const left = ["get", "deployment", childName("other", "agent"), "-n", world().namespace, "--ignore-not-found"]
    await admin(
      "wait",
      "--for=delete",
      `deployment/${childName("other", "agent")}`,
      "-n",
      world().namespace,
      "--timeout=60s",
    )
    expect(await admin(...left)).toBe("")
    await reachable()
  })
}
