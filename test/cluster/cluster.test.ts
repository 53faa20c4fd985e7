import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import http from "node:http"
import { join } from "node:path"
import { addPlainRegistry } from "./built/containerd.ts"
import type { Cluster } from "./Cluster.ts"
import { libraryClosure } from "./image/libraryClosure.ts"
import { ociImage } from "./image/ociImage.ts"
import { BUSYBOX_IMAGE } from "./image/testImages.ts"
import { mustRun } from "./process/runProgram.ts"
import { dial } from "./provider/probeInbound.ts"
import { prepareCluster, startCluster } from "./startCluster.ts"

/** Several starts of three seconds each, on a machine that is busy with other things. */
setDefaultTimeout(120_000)

/** Everything built on two cores with nothing cached. */
const BUILD_MILLIS = 25 * 60_000

const NODE_PORT = 30_080

const pod = (name: string, container: object, spec: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels: { app: name } },
  spec: {
    containers: [{ name: "main", image: BUSYBOX_IMAGE, ...container }],
    terminationGracePeriodSeconds: 0,
    ...spec,
  },
})

describe("a closed cluster with real pods", () => {
  let cluster: Cluster
  beforeAll(async () => {
    await prepareCluster({ level: "node", closed: true })
    cluster = await startCluster({ level: "node", closed: true, auditLog: true })
    await apply(pod("shell", { command: ["sh", "-c", "echo started; exec sleep infinity"] }))
    await ready("shell")
  }, BUILD_MILLIS)
  afterAll(() => cluster?.stop())

  const apply = (...items: object[]) =>
    cluster.admin(["apply", "--filename=-"], { input: JSON.stringify({ apiVersion: "v1", kind: "List", items }) })
  const ready = (name: string) => cluster.admin(["wait", `pod/${name}`, "--for=condition=Ready", "--timeout=50s"])
  const shell = (script: string) => cluster.admin(["exec", "shell", "--", "sh", "-c", script])

  test("has one Ready node of the version that was built", async () => {
    const [node] = JSON.parse(await cluster.admin(["get", "nodes", "--output=json"])).items
    expect(node.status.nodeInfo.kubeletVersion).toBe("v1.37.2")
    expect(node.status.conditions.find((one: { type: string }) => one.type === "Ready").status).toBe("True")
  })

  test("runs pods whose logs and exec, with standard input and exit code, work through the API server", async () => {
    expect(await cluster.admin(["logs", "shell"])).toBe("started\n")
    expect(await cluster.admin(["exec", "-i", "shell", "--", "tr", "a-z", "A-Z"], { input: "hello" })).toBe("HELLO")
    const failing = await cluster.run(cluster.kubectl, [
      ...[`--kubeconfig=${cluster.adminKubeconfig}`, "exec", "shell", "--", "sh", "-c", "exit 7"],
    ])
    expect(failing.code).toBe(7)
  })

  test("gives Services an address and a name that a pod, and a program inside, can use", async () => {
    await apply(
      pod("web", { command: ["sh", "-c", "echo from web > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"] }),
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "web" },
        spec: {
          type: "NodePort",
          selector: { app: "web" },
          ports: [{ port: 80, targetPort: 8080, nodePort: NODE_PORT }],
        },
      },
    )
    await ready("web")
    await cluster.admin([
      "wait",
      "endpointslice",
      "--selector=kubernetes.io/service-name=web",
      "--for=jsonpath={.endpoints[0].conditions.ready}=true",
    ])
    const answered = "until wget -q -O- http://web.default.svc.cluster.local; do sleep 0.1; done"
    expect(await shell(`timeout 20 sh -c '${answered}'`)).toBe("from web\n")
    const inside = await cluster.run("busybox", ["wget", "-q", "-O-", "http://web.default.svc.cluster.local"])
    expect(inside.stdout).toBe("from web\n")
  })

  test("refuses a name that nobody has at once", async () => {
    expect(await shell("nslookup nobody.example 2>&1 || true")).toContain("NXDOMAIN")
  })

  test("lets pods and programs inside dial the outside address, by number and by the name that it was given", async () => {
    const server = http.createServer((_, response) => response.end("relay here\n"))
    await new Promise<void>((resolve) => server.listen(0, cluster.outsideAddress, resolve))
    try {
      const { port } = server.address() as { port: number }
      expect(await shell(`wget -q -O- http://${cluster.outsideAddress}:${port}/`)).toBe("relay here\n")
      await cluster.addAddressName("relay.example", cluster.outsideAddress)
      const named = `wget -q -O- http://relay.example:${port}/`
      expect(await shell(`timeout 20 sh -c 'until ${named}; do sleep 0.1; done'`)).toBe("relay here\n")
      expect((await cluster.run("busybox", named.split(" "))).stdout).toBe("relay here\n")
    } finally {
      server.close()
    }
  })

  test("lets no new connection in, neither to the API server nor through a Service to a pod, and counts what it drops", async () => {
    const before = await cluster.droppedPackets()
    expect(await cluster.probeInbound()).toEqual({ fromOutside: "timed out", fromInside: "connected", closed: true })
    const inside = await cluster.run("busybox", ["wget", "-q", "-O-", `http://${cluster.insideAddress}:${NODE_PORT}`])
    expect(inside.stdout).toBe("from web\n")
    expect(await dial(cluster.insideAddress, NODE_PORT)).toBe("timed out")
    expect(await cluster.droppedPackets()).toBeGreaterThan(before + 1)
    expect(cluster.isolated).toBe(true)
  })

  test("can still be administered from outside, by the loopback kubeconfig", async () => {
    const answer = await mustRun(cluster.kubectl, [
      `--kubeconfig=${cluster.outsideKubeconfig}`,
      "get",
      "--raw",
      "/readyz",
    ])
    expect(answer).toBe("ok")
  })

  test("writes who did what into the audit log", async () => {
    await cluster.admin(["create", "configmap", "audited"])
    const events = (await Bun.file(cluster.auditLog!).text())
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
    const event = events.find(({ verb, objectRef }) => verb === "create" && objectRef?.name === "audited")
    expect(event.user.username).toBe("clusterconnect-test-admin")
    expect(event.responseStatus.code).toBe(201)
  })

  test("runs a dynamically linked program from an image made here, under Pod Security restricted", async () => {
    const output = join(cluster.directory, "env.tar")
    const name = "clusterconnect.test/env:1"
    const files = await libraryClosure("/usr/bin/env", "/usr/bin/env")
    await ociImage({
      name,
      output,
      files,
      entrypoint: ["/usr/bin/env"],
      user: "65532:65532",
      environment: { SAID: "here" },
    })
    await cluster.importImage(output)
    await cluster.admin(["label", "namespace", "default", "pod-security.kubernetes.io/enforce=restricted"])
    const securityContext = {
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    }
    const resources = { limits: { memory: "64Mi", cpu: "500m" } }
    await apply(pod("env", { image: name, securityContext, resources }, { restartPolicy: "Never" }))
    await cluster.admin(["wait", "pod/env", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=50s"])
    expect(await cluster.admin(["logs", "env"])).toContain("SAID=here\n")
    await cluster.admin(["label", "namespace", "default", "pod-security.kubernetes.io/enforce-"])
  })

  test("ends a program that a test started inside by its own pid", async () => {
    const child = cluster.spawn("sh", ["-c", "echo $$; exec sleep 600"], { stdio: ["ignore", "pipe", "inherit"] })
    const said = await new Promise<string>((resolve) => child.stdout!.once("data", (chunk) => resolve(`${chunk}`)))
    expect(Number(said)).toBe(child.pid!)
    const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)))
    child.kill("SIGTERM")
    expect(await ended).toBe("SIGTERM")
  })

  test("takes a registry of the test's, and says when an image is not there", async () => {
    const asked: string[] = []
    const server = http.createServer((request, response) => {
      asked.push(request.url ?? "")
      response.writeHead(404).end()
    })
    await new Promise<void>((resolve) => server.listen(0, cluster.outsideAddress, resolve))
    try {
      const registry = `${cluster.outsideAddress}:${(server.address() as { port: number }).port}`
      addPlainRegistry(cluster.directory, registry)
      await apply(pod("absent", { image: `${registry}/absent:1` }))
      await cluster.admin([
        "wait",
        "pod/absent",
        "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ErrImagePull",
        "--timeout=50s",
      ])
      expect(asked).toContain(`/v2/absent/manifests/1`)
    } finally {
      server.close()
    }
  })
})
