import { afterEach, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { writeFileAtomic } from "../../../platform/files.ts"
import type { AttackRange } from "../range/AttackRange.ts"
import { causeOf, request } from "../range/requests.ts"
import { accountNamespace, accountToken } from "../range/SecondCluster.ts"

interface Rules {
  readonly resourceRules: readonly { readonly verbs: readonly string[]; readonly resources: readonly string[] }[]
  readonly nonResourceRules: readonly {
    readonly verbs: readonly string[]
    readonly nonResourceURLs: readonly string[]
  }[]
}

/** The one credential in the cluster that can do anything. */
export const account = (range: () => AttackRange): void => {
  afterEach(() => range().hangUp())

  /** kubectl inside with this token and nothing else. */
  const asToken = (token: string, args: readonly string[], input = "") => {
    const { cluster } = range().world
    const to = [
      "--server",
      cluster.api.url,
      "--certificate-authority",
      `${cluster.directory}/clusterconnect/api-server-ca.crt`,
    ]
    return cluster.run(cluster.kubectl, ["--kubeconfig", "/dev/null", "--token", token, ...to, ...args], { input })
  }
  const rulesOf = async (token: string): Promise<Rules> => {
    const review = {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectRulesReview",
      spec: { namespace: "kube-system" },
    }
    const said = await asToken(token, ["create", "--validate=false", "-f", "-", "-o", "json"], JSON.stringify(review))
    expect(said.stderr).toBe("")
    return (JSON.parse(said.stdout) as { status: Rules }).status
  }
  const nobody = async (): Promise<string> => {
    await range().apply([
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "nobody", namespace: accountNamespace } },
    ])
    return accountToken(range().world, "nobody")
  }

  test("S13: the auth proxy's account may impersonate and beyond that only what every service account may", async () => {
    const mine = await rulesOf(await accountToken(range().world, "kube-auth-proxy"))
    const everybodys = await rulesOf(await nobody())
    const texts = (rules: readonly object[]) => rules.map((rule) => JSON.stringify(rule))
    const extra = [
      ...mine.resourceRules.filter((rule) => !texts(everybodys.resourceRules).includes(JSON.stringify(rule))),
      ...mine.nonResourceRules.filter((rule) => !texts(everybodys.nonResourceRules).includes(JSON.stringify(rule))),
    ]
    expect(extra.length).toBeGreaterThan(0)
    expect(extra.flatMap(({ verbs }) => verbs).filter((verb) => !verb.startsWith("impersonate"))).toEqual([])
    // What everybody has: discovery, version, self-reviews; and what every service account has: public keys and roots.
    const resources = everybodys.resourceRules.flatMap((rule) => rule.resources)
    expect(resources.filter((one) => !/^(selfsubject|clustertrustbundles$)/.test(one))).toEqual([])
    const paths = everybodys.nonResourceRules.flatMap(({ nonResourceURLs }) => nonResourceURLs)
    expect(
      paths.filter((path) => !/^\/(api|apis|openapi|openid|version|healthz|livez|readyz|\.well-known)\b/.test(path)),
    ).toEqual([])
  })

  test("S13: without impersonation it is refused what a user may do", async () => {
    const token = await accountToken(range().world, "kube-auth-proxy")
    for (const args of [
      ["get", "secrets", "-A"],
      ["get", "pods", "-n", accountNamespace],
      ["get", "nodes"],
      ["create", "serviceaccount", "x"],
      ["create", "token", "kube-auth-proxy", "-n", accountNamespace],
      ["get", "secrets", "-A", "--as", "oidc:x", "--as-group", "system:masters"],
      ["get", "secrets", "-A", "--as", "system:admin", "--as-group", "system:masters"],
      ["get", "secrets", "-n", "kube-system", "--as", "system:serviceaccount:kube-system:default"],
      ["get", "nodes", "--as", "system:node:n", "--as-group", "system:nodes"],
    ])
      expect([args, (await asToken(token, args)).stderr]).toEqual([args, expect.stringContaining("orbidden")])
  })

  test("S12: its token can be replaced under load: the next requests carry the new one, and none fails", async () => {
    const { second, world, audit } = range()
    const token = await range().clusterToken({}, { cluster: second.name })
    const statuses: number[] = []
    let stop = false
    const mark = audit.mark()
    const load = Array.from({ length: 4 }, async (_, index) => {
      const { raw } = await range().connect(second.name)
      while (!stop) statuses.push((await raw.ask(request(`GET /api?s12-${index}`, { token }))).status)
    })
    const credentialOf = (text: string) =>
      `JTI=${(JSON.parse(Buffer.from(text.split(".")[1]!, "base64url").toString()) as { jti: string }).jti}`
    const shown = (text: string) =>
      audit.event(mark, "a request with the new token", ({ user }) =>
        (user.extra?.["authentication.kubernetes.io/credential-id"] ?? []).includes(credentialOf(text)),
      )
    await shown(readFileSync(second.tokenFile, "utf8"))
    for (const _ of [1, 2]) {
      const next = await accountToken(world, "kube-auth-proxy")
      await writeFileAtomic(second.tokenFile, next)
      await shown(next)
    }
    stop = true
    await Promise.all(load)
    expect(statuses.length).toBeGreaterThan(10)
    expect(statuses.filter((status) => status !== 200)).toEqual([])
  }, 30_000)

  test("S12b: when its own token is refused the user gets 502, not 401, and a good token mends it", async () => {
    const { second, world } = range()
    await second.configure({ apiServer: { token: "worthless" } })
    const token = await range().clusterToken({}, { cluster: second.name })
    const { raw } = await range().connect(second.name)
    const answer = await raw.ask(request("GET /api", { token }))
    expect([answer.status, causeOf(answer.body)]).toEqual([502, "ServiceAccountRefused"])
    expect(answer.body).not.toContain("worthless")
    await writeFileAtomic(second.tokenFile, await accountToken(world, "kube-auth-proxy"))
    await second.configure()
    const { raw: again } = await range().connect(second.name)
    expect((await again.ask(request("GET /api", { token }))).status).toBe(200)
  })
}
