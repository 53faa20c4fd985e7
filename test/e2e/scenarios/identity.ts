import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import type { World } from "../../world/World.ts"
import { bothSay, type Side, type Sides } from "../sides.ts"

export interface Users {
  readonly alice: Side
  readonly bob: Side
}

/** Who the API server takes the caller for. */
export const identity = (world: () => World, users: () => Users, sides: () => Sides): void => {
  test("can-i answers every question as it does for the same user without us", async () => {
    await bothSay(sides(), ["auth", "can-i", "--list", "-n", "e2e"])
    await bothSay(sides(), ["auth", "can-i", "delete", "nodes"])
    await bothSay(sides(), ["auth", "can-i", "create", "pods/exec", "-n", "e2e"])
  })

  test("whoami shows exactly the mapped user and every group", async () => {
    const answer = await users().alice.run(["auth", "whoami", "-o", "json"])
    const { userInfo } = JSON.parse(answer.stdout).status
    expect(userInfo.username).toBe("oidc:alice")
    expect(userInfo.groups.toSorted()).toEqual(["oidc:ops, night", "oidc:team-a", "system:authenticated"])
    expect(Object.keys(userInfo.extra)).toEqual(["clusterconnect.dev/token-id"])
  })

  test("RBAC decides as the caller: two users get different answers", async () => {
    const ask = (side: Side, verb: string) => side.run(["auth", "can-i", verb, "configmaps", "-n", "e2e"])
    expect((await ask(users().alice, "create")).stdout).toBe("yes\n")
    expect((await ask(users().bob, "get")).stdout).toBe("yes\n")
    const refused = await ask(users().bob, "create")
    expect([refused.stdout, refused.code]).toEqual(["no\n", 1])
    const create = await users().bob.run(["create", "configmap", "mine", "-n", "e2e"])
    expect(create.code).toBe(1)
    expect(create.stderr).toContain('User "oidc:bob" cannot create resource "configmaps"')
  })

  test("the audit log of the API server names the caller, and the auth proxy as the account that speaks for it", async () => {
    await users().alice.run(["get", "configmap", "large", "-n", "e2e", "-o", "name"])
    const events = readFileSync(world().cluster.auditLog!, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter((event) => event.requestURI === "/api/v1/namespaces/e2e/configmaps/large")
      .filter((event) => event.impersonatedUser?.username === "oidc:alice")
      .filter((event) => event.user.username === world().authProxyAccount)
    expect(events.length).toBeGreaterThan(0)
  })

  test("a caller cannot put another identity on top of its own", async () => {
    const answer = await users().alice.run(["get", "pods", "-n", "e2e", "--as", "oidc:bob"])
    expect(answer.code).toBe(1)
    expect(answer.stderr).toContain("spec.impersonation.allowNested")
  })
}
