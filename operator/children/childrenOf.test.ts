import { describe, expect, test } from "bun:test"
import { Either } from "effect"
import { impersonationRoles } from "../../identity/impersonationRoles.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { childrenOf } from "./childrenOf.ts"
import { httpProxyFrom } from "./httpProxy.ts"
import { childrenInput } from "./testing/childrenInput.ts"

type Input = Parameters<typeof childrenInput>
// biome-ignore lint/suspicious/noExplicitAny: objects as JSON
type Loose = any

const names = ({ desired }: { readonly desired: readonly KubernetesObject[] }) =>
  desired.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
const child = (name: string, ...given: Input): Loose => {
  const { desired } = childrenOf(childrenInput(...given))
  const found = desired.find(({ kind, metadata }) => `${kind} ${metadata.name}` === name)
  return found ?? expect.unreachable(`there is no ${name}`)
}
const pod = (component: "agent" | "auth-proxy", ...given: Input): Loose =>
  child(`Deployment cc-edge-${component}`, ...given).spec.template.spec
const container = (component: "agent" | "auth-proxy", ...given: Input): Loose => pod(component, ...given).containers[0]
const flag = (component: "agent" | "auth-proxy", name: string, ...given: Input): string | undefined => {
  const { command } = container(component, ...given)
  return command.includes(name) ? command[command.indexOf(name) + 1] : undefined
}
const absent = (...given: Input) =>
  childrenOf(childrenInput(...given)).absent.map(({ kind, name }) => `${kind} ${name}`)
const proxy = (url: string) => Either.getOrThrow(httpProxyFrom(url))
const behindProxy = (url: string, relay: object = {}): Input => [
  { relay: { url: "https://relay.example.com:8443", httpProxySecretRef: { name: "proxy", key: "url" }, ...relay } },
  { httpProxy: proxy(url) },
]

test("what a pod needs is there before the pod, and everything has the one owner and its labels", () => {
  const children = childrenOf(childrenInput())
  expect(names(children)).toEqual([
    "ServiceAccount cc-edge-agent",
    "ServiceAccount cc-edge-auth-proxy",
    "ClusterRoleBinding cc-edge-constrained-readwrite",
    "Secret cc-edge-agent",
    "Secret cc-edge-auth-proxy",
    "ConfigMap cc-edge-auth-proxy",
    "NetworkPolicy cc-edge-agent",
    "NetworkPolicy cc-edge-auth-proxy",
    "Service cc-edge-auth-proxy",
    "Service cc-edge-auth-proxy-all",
    "Deployment cc-edge-auth-proxy",
    "Deployment cc-edge-agent",
    "PodDisruptionBudget cc-edge-agent",
    "PodDisruptionBudget cc-edge-auth-proxy",
  ])
  for (const { kind, metadata } of children.desired) {
    expect(metadata.namespace).toBe(kind === "ClusterRoleBinding" ? undefined! : "clusterconnect")
    expect(metadata.labels).toMatchObject({ "clusterconnect.dev/name": "edge" })
    expect(metadata.ownerReferences).toEqual([
      {
        apiVersion: "clusterconnect.dev/v1alpha1",
        kind: "ClusterConnect",
        name: "edge",
        uid: "7d3c5a7e-0000-4000-8000-000000000001",
        controller: true,
        blockOwnerDeletion: true,
      },
    ])
  }
})

test("the same input gives the same bytes", () =>
  expect(JSON.stringify(childrenOf(childrenInput()))).toBe(JSON.stringify(childrenOf(childrenInput()))))

describe("the binding", () => {
  test.each(impersonationRoles.map(({ metadata }) => metadata.name))("to %s excludes the other three", (role) => {
    const [, , roleMode, profile] = role.split("-")
    const input = childrenInput(
      { impersonation: { profile: profile === "readonly" ? "ReadOnly" : "ReadWrite" } },
      { roleMode: roleMode === "legacy" ? "Legacy" : "Constrained" },
    )
    const { desired, absent } = childrenOf(input)
    const bindings = desired.filter(({ kind }) => kind === "ClusterRoleBinding")
    expect(bindings).toHaveLength(1)
    expect(bindings[0]).toMatchObject({
      metadata: { name: `cc-edge-${roleMode}-${profile}` },
      roleRef: { kind: "ClusterRole", name: role },
      subjects: [{ kind: "ServiceAccount", name: "cc-edge-auth-proxy", namespace: "clusterconnect" }],
    })
    const gone = absent.filter(({ kind }) => kind === "ClusterRoleBinding").map(({ name }) => name)
    expect(new Set([...gone, `cc-edge-${roleMode}-${profile}`]).size).toBe(4)
  })
})

describe("pods", () => {
  test("have a log level where the spec says one", () => {
    expect(flag("agent", "--log-level")).toBeUndefined()
    expect(flag("agent", "--log-level", { agent: { logLevel: "debug" } })).toBe("debug")
    expect(flag("auth-proxy", "--log-level", { authProxy: { logLevel: "warn" } })).toBe("warn")
  })

  test("of the auth proxy are replaced when their limits change, which they read only when they begin", () => {
    const template = (...given: Input) => child("Deployment cc-edge-auth-proxy", ...given).spec.template
    const limited = (streams: number) => template({ authProxy: { limits: { streams } } })
    expect(limited(10)).not.toEqual(limited(11))
    expect(limited(10)).not.toEqual(template())
    expect(template({ authProxy: {} })).toEqual(template())
  })

  test.each(["agent", "auth-proxy"] as const)(
    "of the %s run under restricted, and nothing is writable",
    (component) => {
      const spec = pod(component)
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65_532, fsGroup: 65_532 })
      expect(spec.containers).toHaveLength(1)
      expect(spec.containers[0].securityContext).toEqual({
        runAsNonRoot: true,
        runAsUser: 65_532,
        runAsGroup: 65_532,
        seccompProfile: { type: "RuntimeDefault" },
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      })
      for (const mount of spec.containers[0].volumeMounts) expect(mount.readOnly).toBe(true)
      expect(JSON.stringify(spec.volumes)).not.toContain("emptyDir")
    },
  )

  test("of the agent have no token, those of the auth proxy have theirs, neither by their account", () => {
    expect(pod("agent").automountServiceAccountToken).toBe(false)
    expect(pod("auth-proxy").automountServiceAccountToken).toBe(true)
    for (const component of ["agent", "auth-proxy"] as const) {
      expect(pod(component).serviceAccountName).toBe(`cc-edge-${component}`)
      expect(child(`ServiceAccount cc-edge-${component}`).automountServiceAccountToken).toBe(false)
    }
  })

  test("of the auth proxy have an account that says whether constrained impersonation ever worked", () => {
    const said = (constrainedWorked: boolean) =>
      child("ServiceAccount cc-edge-auth-proxy", {}, { constrainedWorked }).metadata.annotations
    expect(said(true)).toEqual({ "clusterconnect.dev/constrained-worked": "true" })
    expect(said(false)).toEqual({ "clusterconnect.dev/constrained-worked": "false" })
    expect(child("ServiceAccount cc-edge-agent").metadata.annotations).toBeUndefined()
  })

  test("are replaced one by one, and an auth proxy may drain for ten minutes", () => {
    for (const component of ["agent", "auth-proxy"])
      expect(child(`Deployment cc-edge-${component}`).spec.strategy).toEqual({
        type: "RollingUpdate",
        rollingUpdate: { maxSurge: 1, maxUnavailable: 0 },
      })
    expect(flag("auth-proxy", "--drain-timeout")).toBe("600")
    expect(pod("auth-proxy").terminationGracePeriodSeconds).toBe(610)
  })

  test("are probed where their programs answer", () => {
    for (const [component, port] of [
      ["agent", 8082],
      ["auth-proxy", 8081],
    ] as const) {
      const { livenessProbe, readinessProbe, startupProbe } = container(component)
      expect(livenessProbe.httpGet).toEqual({ path: "/livez", port, scheme: "HTTP" })
      expect(startupProbe.httpGet).toEqual({ path: "/livez", port, scheme: "HTTP" })
      expect(readinessProbe.httpGet).toEqual({ path: "/readyz", port, scheme: "HTTP" })
    }
  })

  test("go where the spec says; without an affinity they are spread", () => {
    expect(pod("agent").topologySpreadConstraints).toHaveLength(2)
    expect(pod("agent")).not.toHaveProperty("affinity")
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "rack" }] } }
    const placed: Input = [
      {
        agent: { nodeSelector: { pool: "edge" }, tolerations: [{ operator: "Exists" }], affinity },
        authProxy: { resources: { limits: { memory: "1Gi" } }, nodeSelector: {}, tolerations: [] },
      },
    ]
    expect(pod("agent", ...placed)).toMatchObject({
      nodeSelector: { "kubernetes.io/os": "linux", pool: "edge" },
      tolerations: [{ operator: "Exists" }],
      affinity,
    })
    expect(pod("agent", ...placed)).not.toHaveProperty("topologySpreadConstraints")
    expect(container("auth-proxy", ...placed).resources).toEqual({ limits: { memory: "1Gi" } })
    expect(pod("auth-proxy", ...placed).nodeSelector).toEqual({ "kubernetes.io/os": "linux" })
    expect(pod("auth-proxy", ...placed)).not.toHaveProperty("tolerations")
  })

  test("of the agent know the relay and its authority", () => {
    expect(flag("agent", "--relay")).toBe("https://relay.example.com:8443")
    expect(flag("agent", "--ca-file")).toBeUndefined()
    const trusting: Input = [{ relay: { url: "https://relay.example.com", caBundle: "-----BEGIN CERTIFICATE-----" } }]
    expect(flag("agent", "--ca-file", ...trusting)).toBe("/etc/clusterconnect/agent/relay-ca.crt")
    const { data } = child("Secret cc-edge-agent", ...trusting)
    expect(Buffer.from(data["relay-ca.crt"], "base64").toString()).toBe("-----BEGIN CERTIFICATE-----")
    expect(Object.keys(child("Secret cc-edge-agent").data)).toEqual(["session.key", "document"])
  })
})

describe("an HTTP proxy", () => {
  const secretUrl = "http://user:hunter2@proxy.example.com:3128"

  test("is taken from the user's Secret; its text is in no object", () => {
    const given = behindProxy(secretUrl, { noProxy: [".svc", "10.0.0.0/8"] })
    for (const component of ["agent", "auth-proxy"] as const)
      expect(container(component, ...given).env.slice(1)).toEqual([
        { name: "HTTPS_PROXY", valueFrom: { secretKeyRef: { name: "proxy", key: "url" } } },
        { name: "NO_PROXY", value: ".svc,10.0.0.0/8" },
      ])
    expect(JSON.stringify(childrenOf(childrenInput(...given)))).not.toContain("hunter2")
  })

  test("that changes changes the pods, by a digest that is worth nothing without the key", () => {
    const digest = (url: string, key = 7) => {
      const [changes, input] = behindProxy(url)
      const given: Input = [changes, { ...input, digestKey: new Uint8Array(32).fill(key) }]
      const { annotations } = child("Deployment cc-edge-agent", ...given).spec.template.metadata
      return annotations["clusterconnect.dev/http-proxy-digest"]
    }
    expect(digest(secretUrl)).toMatch(/^[0-9a-f]{64}$/)
    expect(digest(secretUrl)).toBe(digest(secretUrl))
    expect(digest(secretUrl)).not.toBe(digest(`${secretUrl}9`))
    expect(digest(secretUrl)).not.toBe(digest(secretUrl, 8))
  })

  test("that is missing while the spec names one is a defect, not a way around it", () => {
    const [changes] = behindProxy(secretUrl)
    expect(() => childrenOf(childrenInput(changes))).toThrow(TypeError)
    expect(() => childrenOf(childrenInput({}, { httpProxy: proxy(secretUrl) }))).toThrow(TypeError)
  })

  test.each([
    ["", "empty"],
    ["\n", "expected"],
    ["socks5://proxy:1080", "scheme"],
    ["http://", "expected"],
  ])("%j is refused without being shown", (text, words) => {
    const refused = httpProxyFrom(text)
    expect(Either.isLeft(refused) && refused.left.message).toContain(words)
  })

  test.each([
    ["http://proxy.example.com", 80],
    ["https://proxy.example.com", 443],
    ["proxy.example.com:8080", 8080],
    ["http://proxy.example.com:3128\n", 3128],
  ])("%s is dialled at port %d", (text, port) => expect(proxy(text).port).toBe(port))
})

describe("network policies", () => {
  const egress = (component: "agent" | "auth-proxy", ...given: Input): Loose =>
    child(`NetworkPolicy cc-edge-${component}`, ...given).spec.egress
  const ports = (rule: Loose) => rule.ports.map(({ port }: Loose) => port)

  test("no rule leaves its ports open", () => {
    for (const component of ["agent", "auth-proxy"]) {
      const { ingress, egress } = child(`NetworkPolicy cc-edge-${component}`).spec
      for (const rule of [...ingress, ...egress]) expect(rule.ports.length).toBeGreaterThan(0)
      for (const rule of ingress) expect(rule.from).toHaveLength(1)
    }
  })

  test("the agent dials name servers, the relay and auth proxies, and only the operator may ask for its health", () => {
    const [names, relay, authProxies] = egress("agent")
    expect(ports(names)).toEqual([53, 53, 5353, 5353])
    expect(relay).toEqual({ ports: [{ protocol: "TCP", port: 8443 }] })
    expect(authProxies.to[0].podSelector.matchLabels["app.kubernetes.io/component"]).toBe("auth-proxy")
    const { ingress } = child("NetworkPolicy cc-edge-agent").spec
    expect(ingress).toHaveLength(1)
    expect(ingress[0].from[0].podSelector.matchLabels["app.kubernetes.io/component"]).toBe("operator")
    expect(ports(ingress[0])).toEqual([8082])
  })

  test("an auth proxy is dialled by agents alone, and dials the API server and issuers", () => {
    const { ingress } = child("NetworkPolicy cc-edge-auth-proxy").spec
    expect(ingress.map((rule: Loose) => [rule.from[0].podSelector.matchLabels, ports(rule)])).toMatchObject([
      [{ "app.kubernetes.io/component": "agent", "app.kubernetes.io/instance": "edge" }, [8443]],
      [{ "app.kubernetes.io/component": "operator" }, [8081]],
    ])
    expect(ports(egress("auth-proxy")[1])).toEqual([443, 6443])
  })

  const issuer = (changes: object): Input => {
    const claimMappings = { username: { claim: "sub", prefix: "a:" } }
    const entry = { name: "a", issuer: { url: "https://idp.example.com:9443", ...changes }, claimMappings }
    return [{ authentication: { jwt: [entry] } }, { apiServerPorts: [6443] }]
  }
  test.each<[string, Input, number[]]>([
    ["an issuer's own port and 443", issuer({}), [443, 6443, 9443]],
    ["the port of discovery", issuer({ discoveryURL: "https://other.example.com:7443/x" }), [443, 6443, 7443]],
    ["none for inline keys", issuer({ jwks: "{}" }), [6443]],
  ])("towards issuers: %s", (_, given, expected) => expect(ports(egress("auth-proxy", ...given)[1])).toEqual(expected))

  test("through a proxy only its port is open, and what NO_PROXY names", () => {
    expect(ports(egress("agent", ...behindProxy("http://proxy:3128"))[1])).toEqual([3128])
    expect(ports(egress("auth-proxy", ...behindProxy("http://proxy:3128"))[1])).toEqual([443, 3128, 6443])
    const direct = behindProxy("http://proxy:3128", { noProxy: ["relay.example.com"] })
    expect(ports(egress("agent", ...direct)[1])).toEqual([8443])
  })

  test("that are disabled have to be gone", () => {
    const { desired } = childrenOf(childrenInput({ networkPolicy: "Disabled" }))
    expect(desired.some(({ kind }) => kind === "NetworkPolicy")).toBe(false)
    expect(absent({ networkPolicy: "Disabled" })).toContain("NetworkPolicy cc-edge-agent")
    expect(absent({ networkPolicy: "Disabled" })).toContain("NetworkPolicy cc-edge-auth-proxy")
    expect(absent().join()).not.toContain("NetworkPolicy")
  })
})

describe("disruption budgets", () => {
  test("keep all but one, and never a pod that is not ready", () =>
    expect(child("PodDisruptionBudget cc-edge-agent").spec).toMatchObject({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: "AlwaysAllow",
    }))

  test("are gone where there is one pod", () => {
    const single = { agent: { replicas: 1 } }
    expect(names(childrenOf(childrenInput(single)))).not.toContain("PodDisruptionBudget cc-edge-agent")
    expect(names(childrenOf(childrenInput(single)))).toContain("PodDisruptionBudget cc-edge-auth-proxy")
    expect(absent(single)).toContain("PodDisruptionBudget cc-edge-agent")
  })
})

describe("services", () => {
  test("lead to the pods themselves: the ready ones, and all", () => {
    expect(child("Service cc-edge-auth-proxy").spec).toMatchObject({ clusterIP: "None", ports: [{ port: 8443 }] })
    expect(child("Service cc-edge-auth-proxy").spec).not.toHaveProperty("publishNotReadyAddresses")
    expect(child("Service cc-edge-auth-proxy-all").spec.publishNotReadyAddresses).toBe(true)
    expect(flag("agent", "--auth-proxy")).toBe("cc-edge-auth-proxy.clusterconnect.svc:8443")
    expect(flag("agent", "--auth-proxy-all")).toBe("cc-edge-auth-proxy-all.clusterconnect.svc:8443")
  })
})
