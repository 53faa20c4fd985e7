import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import type { User } from "../../world/World.ts"
import type { AttackRange } from "../range/AttackRange.ts"
import { causeOf, request } from "../range/requests.ts"
import { accountNamespace, accountToken } from "../range/SecondCluster.ts"

const namespace = "closed"
/** Of every refusal by the profile, as kubectl prints it. */
const refusal = "spec.impersonation.profile: ReadOnly"
const webSocket = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version: 13",
]
const spdy = ["Connection: Upgrade", "Upgrade: SPDY/3.1"]

/** Profile ReadOnly against somebody who may do everything in the cluster itself. */
export const readOnly = (range: () => AttackRange): void => {
  beforeAll(async () => {
    const account = (name: string, role: string) => [
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: accountNamespace } },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: `attack-${name}` },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
        subjects: [{ kind: "ServiceAccount", name, namespace: accountNamespace }],
      },
    ]
    await range().apply([
      ...account("read-only-constrained", "clusterconnect-impersonate-constrained-readonly"),
      ...account("read-only-legacy", "clusterconnect-impersonate-legacy-readonly"),
      { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace } },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: "attack-everything" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "oidc:root" }],
      },
    ])
    await range().apply([
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "p", namespace },
        spec: {
          nodeName: "n",
          automountServiceAccountToken: false,
          containers: [{ name: "c", image: "x", ports: [{ containerPort: 80 }] }],
        },
      },
      { apiVersion: "v1", kind: "Service", metadata: { name: "s", namespace }, spec: { ports: [{ port: 80 }] } },
    ])
    // No kubelet says so here; kubectl would not even try otherwise.
    await range().world.cluster.admin([
      ...["patch", "pod", "p", "-n", namespace, "--subresource=status", "--type=merge"],
      ...["-p", JSON.stringify({ status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] } })],
    ])
  })
  afterEach(() => range().hangUp())

  for (const mode of ["Constrained", "Legacy"] as const)
    describe(`S23: ${mode}: a caller who is cluster-admin`, () => {
      let root: User
      beforeAll(async () => {
        const token = await accountToken(range().world, `read-only-${mode.toLowerCase()}`)
        await range().second.configure({ profile: "ReadOnly", mode, apiServer: { token } })
        root = await range().user("root", { cluster: range().second.name })
      })
      afterAll(async () => {
        await root.proxy.stop()
        await range().second.configure()
      })

      test("reads, watches and asks about itself", async () => {
        expect((await root.kubectl.run(["get", "pod", "p", "-n", namespace])).code).toBe(0)
        expect((await root.kubectl.run(["auth", "can-i", "create", "pods"])).stdout).toContain("yes")
        expect((await root.kubectl.run(["auth", "whoami"])).stdout).toContain("oidc:root")
        const watch = await root.kubectl.run([
          "get",
          "--raw",
          `/api/v1/namespaces/${namespace}/pods?watch=1&timeoutSeconds=1`,
        ])
        expect([watch.code, watch.stdout.includes("ADDED")]).toEqual([0, true])
      })

      test("opens no channel: exec, attach, cp, port-forward over WebSocket and SPDY, nodes/proxy, services/proxy", async () => {
        const mark = range().audit.mark()
        const pod = ["-n", namespace, "p"]
        const overSpdy = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false", KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" }
        const attempts = [
          ["exec", ...pod, "--", "id"],
          ["exec", "-i", ...pod, "--", "sh"],
          ["attach", "-i", ...pod],
          ["cp", "-n", namespace, "/etc/hostname", "p:/tmp/x"],
          ["cp", "-n", namespace, "p:/etc/passwd", "/dev/null"],
          ["port-forward", "-n", namespace, "pod/p", ":80"],
          ["get", "--raw", "/api/v1/nodes/n/proxy/pods"],
          ["get", "--raw", `/api/v1/namespaces/${namespace}/services/s:80/proxy/`],
          ["get", "--raw", `/api/v1/namespaces/${namespace}/pods/p/proxy/`],
        ]
        const env = [{}, overSpdy]
        const said = await Promise.all(
          env.flatMap((more) =>
            attempts.map(async (args) => {
              // Without the refusal port-forward would wait for connections for ever.
              const child = root.kubectl.run(args, {
                env: { ...process.env, ...more },
                timeoutMillis: 30_000,
                input: "id\n",
              })
              return [args, await child] as const
            }),
          ),
        )
        for (const [args, { code, stderr }] of said) {
          expect([args, stderr]).toEqual([args, expect.stringContaining(refusal)])
          expect([args, code]).not.toEqual([args, 0])
        }
        await range().reached(mark)
        const opened = range()
          .audit.since(mark)
          .filter(({ requestURI }) => /\/(exec|attach|portforward|proxy)/.test(requestURI))
        expect(opened.map(({ requestURI }) => requestURI)).toEqual([])
      }, 60_000)

      test("writes nothing", async () => {
        const mark = range().audit.mark()
        for (const args of [
          ["create", "configmap", "x", "-n", namespace],
          ["label", "pod", "p", "-n", namespace, "x=y"],
          ["delete", "pod", "p", "-n", namespace, "--wait=false"],
          ["delete", "pods", "--all", "-n", namespace, "--wait=false"],
          ["create", "token", "default", "-n", namespace],
          ["cordon", "n"],
          ["auth", "can-i", "create", "pods", "--as", "system:admin"],
        ])
          expect([args, (await root.kubectl.run(args)).code]).not.toEqual([args, 0])
        const apply = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x", namespace } })
        expect((await root.kubectl.run(["apply", "-f", "-", "--validate=false"], { input: apply })).code).not.toBe(0)
        await range().reached(mark)
        const verbs = new Set(
          range()
            .audit.since(mark)
            .map(({ verb, requestURI }) => `${verb} ${requestURI.split("?")[0]}`),
        )
        const wrote = [...verbs].filter((line) => !/^(get|list|watch) /.test(line) && !/selfsubject/.test(line))
        expect(wrote).toEqual([])
        expect(await range().world.cluster.admin(["get", "configmap,pod", "-n", namespace, "-o", "name"])).toBe(
          "pod/p\n",
        )
      }, 60_000)

      test("finds no spelling around it", async () => {
        const mark = range().audit.mark()
        const token = await range().clusterToken({ sub: "root" }, { cluster: range().second.name })
        const pod = `/api/v1/namespaces/${namespace}/pods/p`
        const attempts: readonly (readonly [string, readonly string[]])[] = [
          [`GET ${pod}/exec?command=id&stdout=1`, webSocket],
          [`GET ${pod}/%65xec?command=id&stdout=1`, webSocket],
          [`GET ${pod}/EXEC?command=id&stdout=1`, webSocket],
          [`GET ${pod}/exec/?command=id&stdout=1`, webSocket],
          [`POST ${pod}/exec?command=id&stdout=1`, spdy],
          [`GET ${pod}/exec?command=id&watch=1`, webSocket],
          [`GET ${pod}/attach?watch=true`, webSocket],
          [`GET ${pod}/portforward?ports=80&watch=true`, webSocket],
          [`GET ${pod}/log?follow=1`, webSocket],
          [`GET /api/v1/nodes/n/proxy/exec/x/p/c?watch=1`, webSocket],
          ["GET /api/v1/proxy/nodes/n/pods", []],
          [`GET /api/v1/namespaces/${namespace}/services/s/proxy`, []],
          [`GET /api/v1/namespaces/${namespace}/services/s/prox%79/x`, []],
          [`HEAD /api/v1/nodes/n/proxy/`, []],
          [`POST ${pod}/eviction`, []],
          [`POST /api/v1/namespaces/${namespace}/serviceaccounts/default/token`, []],
          [`PUT ${pod}`, []],
          [`PATCH ${pod}`, []],
          [`DELETE ${pod}`, []],
          ["POST /apis/authentication.k8s.io/v1/tokenreviews", []],
          ["POST /apis/authorization.k8s.io/v1/subjectaccessreviews", []],
          [`POST /apis/authorization.k8s.io/v1/namespaces/${namespace}/selfsubjectaccessreviews`, []],
          [
            `GET ${pod}`,
            ["X-HTTP-Method-Override: DELETE", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: x"],
          ],
        ]
        for (const [line, headers] of attempts) {
          const { raw } = await range().connect(range().second.name)
          const answer = await raw.ask(request(line, { token, headers }), line.startsWith("HEAD"))
          expect([line, answer.status]).toEqual([line, 403])
          if (!line.startsWith("HEAD")) expect(causeOf(answer.body)).toStartWith("ReadOnly")
        }
        const { raw } = await range().connect(range().second.name)
        const options = await raw.ask(request(`OPTIONS ${pod}`, { token }))
        expect([options.status, causeOf(options.body)]).toEqual([405, "MethodRefused"])
        expect(await range().reached(mark)).toEqual([])
      })
    })
}
