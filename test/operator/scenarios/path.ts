import { expect, test } from "bun:test"
import { join } from "node:path"
import { operatorName } from "../../../deploy/manifests/names.ts"
import { authProxyHealthPort } from "../../../operator/children/childNames.ts"
import { end, lines } from "../../e2e/sides.ts"
import { eventually } from "../../world/eventually.ts"
import type { User } from "../../world/User.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"
import { podMetric } from "../podMetric.ts"

/** From `kubectl apply` to a cluster that can be reached, images there and two cores busy with other things; seconds when they are not. */
const readyLimitSeconds = 180

/** What the first user of a new installation does and sees. The world's resource is Ready, alice may edit in `work`. */
export const path = (world: () => OperatorWorld, alice: () => User) => {
  const get = async (...what: readonly string[]) =>
    JSON.parse(await world().cluster.admin(["get", ...what, "-o", "json"]))
  const pods = async () => (await get("pods", "-n", world().namespace)).items

  test("one resource, applied, is Ready in bounded time, and every condition says so for what was applied", async () => {
    const { metadata, status } = await get("clusterconnect", "edge")
    const states = status.conditions.map((one: Record<string, unknown>) => [
      one.type,
      one.status,
      one.observedGeneration,
    ])
    expect(states.toSorted()).toEqual(
      ["AgentAvailable", "Connected", "CredentialsValid", "ImpersonationReady", "Ready"].map((type) => [
        type,
        "True",
        1,
      ]),
    )
    const ready = status.conditions.find(({ type }: { type: string }) => type === "Ready")
    const seconds = (Date.parse(ready.lastTransitionTime) - Date.parse(metadata.creationTimestamp)) / 1000
    console.error(`operator: Ready after ${seconds} s`)
    expect(seconds).toBeLessThan(readyLimitSeconds)
    expect(status.observedGeneration).toBe(1)
    expect(status.agent.sessions).toBe(2)
    expect(status.authProxy.version).toBe("1.0.0")
  })

  test("operator, agent and auth proxy run from the digest that was pushed, in a namespace that enforces Pod Security restricted", async () => {
    const { metadata } = await get("namespace", world().namespace)
    expect(metadata.labels["pod-security.kubernetes.io/enforce"]).toBe("restricted")
    const running = await pods()
    const of = (prefix: string) =>
      running.filter((pod: { metadata: { name: string } }) => pod.metadata.name.startsWith(prefix)).length
    expect([of(operatorName), of("cc-edge-agent"), of("cc-edge-auth-proxy"), running.length]).toEqual([2, 2, 2, 6])
    for (const { status } of running)
      for (const container of status.containerStatuses)
        expect([container.imageID, container.ready, container.restartCount]).toEqual([world().image, true, 0])
  })

  test("the agent's pods have no token of any account, the auth proxy's have their own", async () => {
    for (const { metadata, spec } of await pods()) {
      const tokens = (spec.volumes ?? []).flatMap((volume: { projected?: { sources: object[] } }) =>
        (volume.projected?.sources ?? []).filter((source) => "serviceAccountToken" in source),
      )
      expect([metadata.name, tokens.length]).toEqual([metadata.name, metadata.name.startsWith("cc-edge-agent") ? 0 : 1])
    }
  })

  test("the auth proxies know the memory limit that the kernel holds them to, and what they use of it", async () => {
    const memory = (of: string) =>
      podMetric(world(), "auth-proxy", authProxyHealthPort, `clusterconnect_auth_proxy_memory_bytes{of="${of}"}`)
    const limit = 1536 * 2 ** 20
    expect(await memory("limit")).toBe(2 * limit)
    expect(await memory("used")).toBeGreaterThan(2 ** 20)
    expect(await memory("used")).toBeLessThan(limit)
  })

  test("kubectl shows it as a user expects: get, describe with its events, explain", async () => {
    const { cluster, outside } = world()
    const [head, row] = (await cluster.admin(["get", "cc"])).trim().split("\n")
    expect(head?.split(/\s+/)).toEqual(["NAME", "CLUSTER", "READY", "REASON", "SESSIONS", "AGE"])
    expect(row?.split(/\s+/).slice(0, 5)).toEqual(["edge", "edge-1", "True", "Succeeded", "2"])
    expect(await cluster.admin(["get", "cc", "-o", "wide"])).toContain(outside.relayUrl)
    await eventually("describe shows the event", 60_000, async () => {
      const seen = await cluster.admin(["describe", "cc", "edge"])
      const isThere = /Events:\n.*\n.*\n[\s\S]*Normal +Succeeded .* the cluster can be reached/.test(seen)
      return isThere ? { done: undefined } : { seen }
    })
    expect(await cluster.admin(["explain", "cc.spec.relay.url"])).toContain("The relay's public URL")
  })

  test("kubectl works through relay, agent and auth proxy, as the caller and nobody else", async () => {
    const { kubectl } = alice()
    const whoami = await kubectl.run(["auth", "whoami", "-o", "json"])
    const { userInfo } = JSON.parse(whoami.stdout).status
    expect([userInfo.username, userInfo.groups]).toEqual(["oidc:alice", ["oidc:team-a", "system:authenticated"]])

    const work = ["-n", "work"]
    expect(await kubectl.run([...work, "create", "configmap", "made", "--from-literal=by=alice"])).toMatchObject({
      code: 0,
    })
    expect((await kubectl.run([...work, "get", "configmap", "made", "-o", "jsonpath={.data.by}"])).stdout).toBe("alice")
    const elsewhere = await kubectl.run(["-n", world().namespace, "get", "secrets"])
    expect([elsewhere.code, elsewhere.stderr]).toEqual([1, expect.stringContaining('User "oidc:alice" cannot list')])

    for (const websockets of ["true", "false"]) {
      const env = { ...process.env, KUBECTL_REMOTE_COMMAND_WEBSOCKETS: websockets }
      const shouted = await kubectl.run([...work, "exec", "-i", "shell", "--", "tr", "a-z", "A-Z"], {
        env,
        input: "hello",
      })
      expect([shouted.code, shouted.stdout]).toEqual([0, "HELLO"])
    }
    const following = kubectl.spawn([...work, "logs", "-f", "shell"])
    await lines(following).until("started")
    await end(following)
    const copy = join(world().directory, "copied")
    expect(await kubectl.run([...work, "cp", "shell:/bin/busybox", copy])).toMatchObject({ code: 0 })
    const sum = await kubectl.run([...work, "exec", "shell", "--", "sha256sum", "/bin/busybox"])
    expect(new Bun.CryptoHasher("sha256").update(await Bun.file(copy).bytes()).digest("hex")).toBe(
      sum.stdout.split(" ")[0]!,
    )
  })

  test("and nothing outside could open a connection to anything inside", async () => {
    expect((await world().cluster.probeInbound()).closed).toBe(true)
  })
}
