import { afterEach, expect, setDefaultTimeout, test } from "bun:test"
import { type ChildProcess, spawn } from "node:child_process"
import { generateKeyPairSync } from "node:crypto"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Either } from "effect"
import { requestJson } from "../../platform/outbound.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import type { Children, ChildrenInput } from "./ChildrenInput.ts"
import { agentProgram } from "./childNames.ts"
import { childrenOf } from "./childrenOf.ts"
import { httpProxyFrom } from "./httpProxy.ts"
import { childrenInput, credentialsFor } from "./testing/childrenInput.ts"

setDefaultTimeout(60_000)
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Nobody listens there, and no name has to be looked up. */
const relay = "https://127.0.0.1:1"
const proxyUrl = "http://user:word@127.0.0.1:2"
const jwks = JSON.stringify({
  keys: [generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" })],
})
const claimMappings = { username: { claim: "sub", prefix: "main:" } }

const input = async (): Promise<ChildrenInput> => {
  const credentials = await credentialsFor(relay)
  const caBundle = credentials.leaf.certificatePem
  return childrenInput(
    {
      relay: { url: relay, caBundle, httpProxySecretRef: { name: "proxy", key: "url" }, noProxy: [".svc"] },
      authentication: { jwt: [{ name: "main", issuer: { url: "https://idp.example.com", jwks }, claimMappings }] },
      agent: { logLevel: "debug" },
      authProxy: { logLevel: "debug", limits: { streamsPerCaller: 7 } },
    },
    { credentials, httpProxy: Either.getOrThrow(httpProxyFrom(proxyUrl)) },
  )
}

test("the auth proxy takes its arguments, its Secret and its configuration, and shows the configuration's hash", async () => {
  const children = childrenOf(await input())
  const status = await started(children, "auth-proxy")
  expect(status).toMatchObject({
    role: "auth-proxy",
    clusterName: "edge-1",
    configuration: { hash: children.configurationHash },
    issuers: [{ name: "main", ready: true }],
    impersonation: { mode: "Auto", profile: "ReadWrite", allowNested: false },
  })
  expect(status).not.toHaveProperty("configuration.failure")
})

test("the agent takes its arguments and its Secret, for the relay and cluster of the spec", async () => {
  const status = await started(childrenOf(await input()), "agent")
  expect(status).toMatchObject({ role: "tunnel", cluster: "edge-1", relay, sessions: [] })
  expect(status).not.toHaveProperty("credentialsRefused")
})

interface Container {
  readonly command: readonly string[]
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[]
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}
interface Pod {
  readonly containers: readonly [Container]
  readonly volumes: readonly {
    readonly name: string
    readonly secret?: { readonly secretName: string }
    readonly configMap?: { readonly name: string }
  }[]
}

/** Does what a kubelet does for a pod of `component`, but for the container, and gives `GET /status`. */
const started = async (children: Children, component: "agent" | "auth-proxy"): Promise<unknown> => {
  const root = mkdtempSync(join(tmpdir(), "children-"))
  cleanups.push(() => rmSync(root, { recursive: true }))
  const { template } = named(children, "Deployment", `cc-edge-${component}`).spec as { template: { spec: Pod } }
  const { containers, volumes } = template.spec
  const [{ command, env, volumeMounts }] = containers
  for (const { name, mountPath } of volumeMounts) {
    const { secret, configMap } = volumes.find((volume) => volume.name === name)!
    const files = secret
      ? filesIn(named(children, "Secret", secret.secretName), "base64")
      : filesIn(named(children, "ConfigMap", configMap!.name), "utf8")
    mkdirSync(join(root, mountPath), { recursive: true })
    for (const [file, content] of files) writeFileSync(join(root, mountPath, file), content)
  }
  const [program, ...args] = command
  expect(program).toBe(agentProgram)
  const placed = args.map((arg) =>
    // The pod's address and a free port; everything else as it is.
    arg
      .replace(/^\[\$\(POD_ADDRESS\)\]:\d+$/, "[127.0.0.1]:0")
      .replace("/etc/clusterconnect", `${root}/etc/clusterconnect`),
  )
  expect(env.map(({ name }) => name)).toEqual(["POD_ADDRESS", "HTTPS_PROXY", "NO_PROXY"])
  const child = spawn(process.execPath, [fileURLToPath(new URL("../../agent/main.ts", import.meta.url)), ...placed], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PATH: process.env.PATH,
      HTTPS_PROXY: proxyUrl,
      NO_PROXY: env[2]!.value,
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: "1",
    },
  })
  cleanups.push(() => ended(child))
  const { body } = await requestJson(`http://127.0.0.1:${await healthPort(child)}/status`)
  return body
}

const named = ({ desired }: Children, kind: string, name: string): KubernetesObject =>
  desired.find((object) => object.kind === kind && object.metadata.name === name)!

const filesIn = ({ data }: KubernetesObject, encoding: BufferEncoding): readonly [string, Buffer][] =>
  Object.entries(data as Record<string, string>).map(([file, text]) => [file, Buffer.from(text, encoding)])

const healthPort = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    const said: string[] = []
    createInterface({ input: child.stderr! })
      .on("line", (line) => {
        said.push(line)
        const { message, listener, port } = line.startsWith("{") ? JSON.parse(line) : {}
        if (message === "listening" && listener === "health") resolve(port)
      })
      .once("close", () => reject(new Error(`the program ended:\n${said.join("\n")}`)))
  })

const ended = async (child: ChildProcess) => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, "exit")
  child.kill("SIGKILL")
  await exit
}
