import { expect, test } from "bun:test"
import { childName } from "../../../operator/children/childNames.ts"
import type { OperatorWorld } from "../OperatorWorld.ts"

interface Rules {
  readonly resourceRules: readonly { readonly verbs: readonly string[] }[]
  readonly nonResourceRules: readonly { readonly verbs: readonly string[] }[]
}

/** What the accounts that the operator made can do, asked of the API server with their own tokens. */
export const rights = (world: () => OperatorWorld) => {
  const authProxy = childName("edge", "auth-proxy")
  const tokenOf = async (account: string, ...args: readonly string[]) =>
    (await world().cluster.admin(["create", "token", account, "-n", world().namespace, ...args])).trim()
  /** kubectl inside with this token and nothing else. */
  const asToken = (token: string, args: readonly string[], input = "") => {
    const { cluster } = world()
    const to = ["--kubeconfig=/dev/null", `--server=${cluster.api.url}`, `--token=${token}`]
    // The token is what is judged here; who answers is the test's own server.
    return cluster.run(cluster.kubectl, [...to, "--insecure-skip-tls-verify", ...args], { input })
  }
  const rulesOf = async (token: string): Promise<Rules> => {
    const review = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectRulesReview",
      spec: { namespace: "work" },
    }
    const said = await asToken(token, ["create", "--validate=false", "-f", "-", "-o", "json"], JSON.stringify(review))
    expect(said.stderr).toBe("")
    return JSON.parse(said.stdout).status
  }
  const beyond = (mine: Rules, everybodys: Rules) => {
    const known = new Set(
      [...everybodys.resourceRules, ...everybodys.nonResourceRules].map((rule) => JSON.stringify(rule)),
    )
    return [...mine.resourceRules, ...mine.nonResourceRules].filter((rule) => !known.has(JSON.stringify(rule)))
  }
  const everybodys = async () => {
    await world().cluster.admin(["create", "serviceaccount", "nobody", "-n", world().namespace])
    return await rulesOf(await tokenOf("nobody"))
  }

  test("S13: the auth proxy's account may impersonate, the agent's nothing, beyond what every account may", async () => {
    const common = await everybodys()
    expect(beyond(await rulesOf(await tokenOf(childName("edge", "agent"))), common)).toEqual([])
    const verbs = beyond(await rulesOf(await tokenOf(authProxy)), common).flatMap((rule) => rule.verbs)
    expect(verbs).toContain("impersonate:user-info")
    expect(verbs.filter((verb) => !/^impersonate(-on)?:user-info(:|$)/.test(verb))).toEqual([])
  })

  test("S13: in Constrained it cannot become a service account, a node, or system:masters", async () => {
    const token = await tokenOf(authProxy)
    for (const [args, becomes] of [
      [["get", "pods", "-n", "work"], undefined],
      [["get", "pods", "-n", "work", "--as=system:serviceaccount:kube-system:namespace-controller"], undefined],
      [["get", "nodes", "--as=system:node:node-1", "--as-group=system:nodes"], undefined],
      [["get", "pods", "-n", "work", "--as=oidc:x", "--as-group=system:masters"], undefined],
      [["get", "pods", "-n", "work", "--as=oidc:x", "--as-group=oidc:team-a"], "pod/shell\n"],
    ] as const) {
      const { code, stdout, stderr } = await asToken(token, [...args, "--output=name"])
      if (becomes !== undefined) expect([args, code, stdout]).toEqual([args, 0, becomes])
      else expect([args, code, stderr]).toEqual([args, 1, expect.stringContaining("orbidden")])
    }
  })
}
