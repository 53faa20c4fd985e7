import { afterEach, expect, test } from "bun:test"
import { UpgradeRefused } from "../../../platform/outbound.ts"
import { lines } from "../../e2e/sides.ts"
import { eventually } from "../../world/eventually.ts"
import type { AttackRange } from "../range/AttackRange.ts"
import { dialRelay } from "../range/carriers.ts"

/** The promise: from the command to the cut. */
const cutMillis = 5_000

/** Rights that were taken away end what they had opened. */
export const revocation = (range: () => AttackRange): void => {
  afterEach(() => range().hangUp())

  /** A watch by kubectl that is running now. */
  const watching = async (user: Awaited<ReturnType<AttackRange["user"]>>) => {
    const child = user.kubectl.spawn(["get", "namespaces", "--watch", "-o", "name"])
    const ended = new Promise<{ readonly at: number; readonly code: number | null }>((resolve) =>
      child.once("exit", (code) => resolve({ at: performance.now(), code })),
    )
    await lines(child).until("namespace/default")
    return { ended }
  }
  const refusedAt = (subject: string, cluster?: string) =>
    range()
      .entrance(cluster, subject)
      .then((there) => dialRelay(there))
      .then(
        () => 101,
        (error) => (error instanceof UpgradeRefused ? error.status : String(error)),
      )
  const reader = (name: string) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: `oidc:${name}` }],
  })

  test("S17: a revoked caller's watch is cut within 5 s, later attempts get 403, and nobody else notices", async () => {
    await range().apply([reader("leaver"), reader("other-user")])
    const [user, other] = [await range().user("leaver"), await range().user("other-user")]
    const [watch, goesOn] = [await watching(user), (await watching(other)).ended]
    const who = ["--issuer", range().world.identityProvider.issuer, "--subject", "leaver"]
    await range().relay("caller", "revoke", ...who)
    const revoked = performance.now()
    const end = await watch.ended
    expect(end.at - revoked).toBeLessThan(cutMillis)
    expect(await refusedAt("leaver")).toBe(403)
    const later = await user.kubectl.run(["get", "namespaces"])
    expect(later.code).not.toBe(0)
    expect(later.stderr).toContain("the caller was revoked at this relay")
    expect(
      await Promise.race([goesOn.then(() => "ended"), other.kubectl.run(["get", "ns"]).then(() => "goes on")]),
    ).toBe("goes on")
    await range().relay("caller", "restore", ...who)
    await eventually("the caller to be admitted again", cutMillis, async () => {
      const status = await refusedAt("leaver")
      return status === 101 ? { done: status } : { seen: status }
    })
    await user.proxy.stop()
    await other.proxy.stop()
    await goesOn
  }, 60_000)

  test("S17: a revoked cluster is cut off within 5 s on both sides, and its agent is not let in again", async () => {
    const { second } = range()
    await range().apply([reader("user-of-second")])
    const user = await range().user("user-of-second", { cluster: second.name })
    const { ended } = await watching(user)
    await range().relay("cluster", "revoke", second.name)
    const revoked = performance.now()
    expect((await ended).at - revoked).toBeLessThan(cutMillis)
    expect(await refusedAt("user-of-second", second.name)).toBe(403)
    await second.agent.until("its refusal", (_, text) => (text.includes("ClusterRevoked") ? true : undefined), 20_000)
    expect(await refusedAt("user-of-second")).toBe(101)
    await range().relay("cluster", "restore", second.name)
    await user.proxy.stop()
  }, 60_000)
}
