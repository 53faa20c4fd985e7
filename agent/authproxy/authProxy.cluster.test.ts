import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { readFile } from "node:fs/promises"
import { impersonationRole, impersonationRoles } from "../../identity/impersonationRoles.ts"
import type { Cluster } from "../../test/cluster/Cluster.ts"
import { startCluster } from "../../test/cluster/startCluster.ts"
import { type AuthProxyBench, causeOf, clientAddress, request, startBench } from "./testing/AuthProxyBench.ts"

let cluster: Cluster
let bench: AuthProxyBench
let serviceAccount: string

const namespace = "clusterconnect"
const review = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
const apply = (...objects: object[]) =>
  cluster.admin(["apply", "-f", "-"], { input: JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }) })
const binding = (name: string, role: string, subject: object, inNamespace?: string) => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: inNamespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
  metadata: { name, ...(inNamespace === undefined ? {} : { namespace: inNamespace }) },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
  subjects: [subject],
})
const role = (name: string, ...verbs: string[]) => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name },
  rules: [{ apiGroups: [""], resources: ["configmaps"], verbs }],
})
const user = (name: string) => ({ kind: "User", apiGroup: "rbac.authorization.k8s.io", name })

beforeAll(async () => {
  cluster = await startCluster({ level: "control-plane", name: "authproxy", auditLog: true, onProgress: () => {} })
  const account = { kind: "ServiceAccount", namespace, name: "kube-auth-proxy" }
  await apply(
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } },
    ...impersonationRoles,
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name: "kube-auth-proxy" } },
    binding("auth-proxy", impersonationRole("Constrained", "ReadWrite").metadata.name, account),
    // Not `edit` and `view`: their rules are aggregated by a controller that a control plane alone does not run.
    role("writes", "get", "list", "watch", "create", "delete"),
    role("reads", "get", "list", "watch"),
    binding("alice-writes", "writes", user("oidc:alice"), "team"),
    binding("bob-reads", "reads", user("oidc:bob"), "team"),
  )
  serviceAccount = (await cluster.admin(["create", "token", "kube-auth-proxy", "-n", namespace])).trim()
  bench = await startBench({}, { apiServer: { url: cluster.api.url, caPem: cluster.caPem, token: serviceAccount } })
}, 600_000)
afterAll(async () => {
  await bench?.stop()
  await cluster?.stop()
}, 60_000)

const ask = async (line: string, claims: Record<string, unknown>, body?: object) => {
  const connection = await bench.connect()
  const text = body === undefined ? undefined : JSON.stringify(body)
  const headers =
    text === undefined ? [] : ["Content-Type: application/json", `Content-Length: ${Buffer.byteLength(text)}`]
  const sent = text === undefined ? "" : Buffer.from(text, "utf8").toString("latin1")
  const answer = await connection.ask(request(line, { token: bench.token(claims), headers, body: sent }))
  connection.leave()
  return { status: answer.status, body: JSON.parse(Buffer.from(answer.body, "latin1").toString("utf8")) }
}
const whoami = async (claims: Record<string, unknown>) =>
  (await ask(`POST ${review}`, claims, { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" })).body
    .status.userInfo
const configMap = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } })

test("S4: the API server sees exactly the mapped user and every group: commas, blanks inside, UTF-8", async () => {
  const groups = ["ops, night", "größe", "漢字", "a/b:c"]
  const info = await whoami({ sub: "Zoë", groups })
  expect(info.username).toBe("oidc:Zoë")
  expect(info.groups.toSorted()).toEqual([...groups.map((group) => `oidc:${group}`), "system:authenticated"].toSorted())
  expect(info.extra).toEqual({ "clusterconnect.dev/token-id": ["id-1"] })
})

test("S4: 500 groups arrive as 500 groups", async () => {
  const groups = Array.from({ length: 500 }, (_, index) => `g${index}`)
  const info = await whoami({ groups })
  expect(info.groups).toHaveLength(501)
  expect(new Set(info.groups)).toEqual(new Set([...groups.map((group) => `oidc:${group}`), "system:authenticated"]))
})

test("RBAC decides as the caller: two users get different answers", async () => {
  const path = "/api/v1/namespaces/team/configmaps"
  expect(await ask(`POST ${path}`, { sub: "alice" }, configMap("alices"))).toMatchObject({ status: 201 })
  expect((await ask(`GET ${path}/alices`, { sub: "bob" })).status).toBe(200)
  const refused = await ask(`POST ${path}`, { sub: "bob" }, configMap("bobs"))
  expect([refused.status, refused.body.message]).toEqual([
    403,
    expect.stringContaining('User "oidc:bob" cannot create'),
  ])
  expect((await ask(`DELETE ${path}/alices`, { sub: "alice" })).status).toBe(200)
  expect((await ask("GET /api/v1/nodes", { sub: "alice" })).status).toBe(403)
})

test("S11: the audit log names the caller, our audit id and the relay's client address, and nothing that the client made up", async () => {
  const connection = await bench.connect()
  const headers = [
    "X-Forwarded-For: 198.51.100.9",
    "X-Real-Ip: 198.51.100.9",
    "X-Remote-User: admin",
    "Audit-ID: made-up",
  ]
  const path = "/api/v1/namespaces/team/configmaps/audited"
  await connection.ask(request(`GET ${path}`, { token: bench.token(), headers }))
  const { auditId } = await bench.auditOf(path)
  let line: string | undefined
  while (line === undefined) {
    const lines = (await readFile(cluster.auditLog!, "utf8")).split("\n")
    line = lines.find((one) => one.includes(`"auditID":"${auditId}"`) && one.includes("ResponseComplete"))
  }
  const event = JSON.parse(line)
  expect(event.user.username).toBe(`system:serviceaccount:${namespace}:kube-auth-proxy`)
  expect(event.impersonatedUser.username).toBe("oidc:alice")
  expect(event.sourceIPs).toContain(clientAddress)
  expect(line).not.toContain("198.51.100.9")
  expect(line).not.toContain("made-up")
})

describe("S13: the auth proxy's account by itself", () => {
  const direct = (args: readonly string[]) =>
    cluster.run(cluster.kubectl, [
      ...args,
      "--server",
      cluster.api.url,
      "--insecure-skip-tls-verify",
      "--token",
      serviceAccount,
      "--kubeconfig",
      "/dev/null",
    ])
  test.each(["pods", "secrets", "configmaps", "nodes", "namespaces"])("may not get %s", async (resource) => {
    const answer = await direct(["get", resource])
    expect(answer.code).not.toBe(0)
    expect(answer.stderr).toContain("forbidden")
  })
  test("has the rules of system:authenticated and those of impersonation, no other", async () => {
    const account = `system:serviceaccount:${namespace}:kube-auth-proxy`
    const rules = async (as: string): Promise<readonly string[]> => {
      const list = await cluster.admin(["auth", "can-i", "--list", "--as", as, "--as-group", "system:authenticated"])
      return list.split("\n").flatMap((line) => {
        const found = /^(.*)\[([^\]]*)\]\s*$/.exec(line)
        const verbs = (found?.[2] ?? "").split(" ").filter((verb) => verb !== "")
        return verbs.map((verb) => `${found?.[1]?.replace(/\s+/g, " ").trim()} ${verb}`)
      })
    }
    const everybody = await rules("nobody")
    const ours = await rules(account)
    expect(ours).toEqual(expect.arrayContaining([...everybody]))
    const more = ours.filter((rule) => !everybody.includes(rule))
    expect(more.length).toBeGreaterThan(0)
    for (const rule of more) expect(rule).toMatch(/ impersonate(-on:user-info:[a-z]+|:user-info)$/)
  })
})

test("S3: reserved names never get as far as the API server, which would accept them in part", async () => {
  const entry = bench.issuer.entry({
    claimMappings: { username: { claim: "sub", prefix: "oidc:" }, groups: { claim: "groups", prefix: "system:" } },
  })
  expect(await bench.reconfigure({ "authentication.jwt": [entry] })).toBe(false)
})

test("under ReadOnly a cluster-admin reads, reviews itself, and can do nothing else", async () => {
  await apply(binding("root", "cluster-admin", user("oidc:root")))
  expect(await bench.reconfigure({ impersonation: { profile: "ReadOnly" } })).toBe(true)
  expect((await ask("GET /api/v1/nodes", { sub: "root" })).status).toBe(200)
  expect((await whoami({ sub: "root" })).username).toBe("oidc:root")
  const refused = await ask("POST /api/v1/namespaces/team/configmaps", { sub: "root" }, configMap("x"))
  expect([refused.status, causeOf(JSON.stringify(refused.body))]).toEqual([403, "ReadOnlyMethod"])
  await bench.reconfigure({})
})

test("kubectl --as is decided by the caller's own rights to impersonate", async () => {
  await bench.reconfigure({ impersonation: { allowNested: true } })
  await apply(
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "may-be-bob" },
      rules: [{ apiGroups: [""], resources: ["users"], verbs: ["impersonate"], resourceNames: ["oidc:bob"] }],
    },
    binding("carol-as-bob", "may-be-bob", user("oidc:carol")),
  )
  const path = "/api/v1/namespaces/team/configmaps"
  const as = async (caller: string, target: string) => {
    const connection = await bench.connect()
    return connection.ask(
      request(`GET ${path}`, { token: bench.token({ sub: caller }), headers: [`Impersonate-User: ${target}`] }),
    )
  }
  expect(await as("carol", "oidc:bob")).toMatchObject({ status: 200 })
  expect(causeOf((await as("carol", "oidc:alice")).body)).toBe("NestedForbidden")
  expect(causeOf((await as("bob", "oidc:alice")).body)).toBe("NestedForbidden")
  await bench.reconfigure({})
})

test("a watch shows an object that is made while it is open, and ends when its client leaves", async () => {
  const connection = await bench.connect()
  connection.write(request("GET /api/v1/namespaces/team/configmaps?watch=true", { token: bench.token({ sub: "bob" }) }))
  await connection.until("\r\n\r\n")
  expect((await ask("POST /api/v1/namespaces/team/configmaps", { sub: "alice" }, configMap("watched"))).status).toBe(
    201,
  )
  await connection.until('"name":"watched"')
  connection.leave()
})

test("the probe tells the API server's version and that impersonation works", async () => {
  expect(bench.authProxy.policy.current().apiServerState()).toMatchObject({
    impersonation: "allowed",
    version: expect.stringMatching(/^1\.\d+$/),
  })
})
