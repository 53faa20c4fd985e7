import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test"
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import https from "node:https"
import net from "node:net"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import tls from "node:tls"
import { NoNode } from "./built/startBuilt.ts"
import type { Cluster } from "./Cluster.ts"
import { BUSYBOX_IMAGE } from "./image/testImages.ts"
import { cgroupPaths } from "./instance/cgroups.ts"
import { instanceDirectory, readRecord } from "./instance/InstanceRecord.ts"
import { namespaceName } from "./instance/networkNamespace.ts"
import { identityOf, isRunning, whenEnded } from "./process/processIdentity.ts"
import { runProgram } from "./process/runProgram.ts"
import { NotOffered } from "./provider/outsideCluster.ts"
import { prepareCluster, startCluster } from "./startCluster.ts"

/** Several starts of three seconds each, on a machine that is busy with other things. */
setDefaultTimeout(120_000)

/** Everything built on two cores with nothing cached. */
const BUILD_MILLIS = 25 * 60_000

const started: Cluster[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((cluster) => cluster.stop()))
})

async function start(options: Omit<Parameters<typeof startCluster>[0], "level"> = {}): Promise<Cluster> {
  const cluster = await startCluster({ level: "control-plane", apiServerFlags: [], ...options })
  started.push(cluster)
  return cluster
}

/** What exists of an instance on this machine: nothing may after its end. */
async function remains(instance: number): Promise<readonly string[]> {
  const namespaces = (await runProgram("ip", ["netns", "list"])).stdout
  const links = (await runProgram("ip", ["-brief", "link"])).stdout
  const mounts = await Bun.file("/proc/self/mountinfo").text()
  return [
    namespaces.split("\n").some((line) => line.split(" ")[0] === namespaceName(instance)) ? "namespace" : "",
    links.includes(`cc${instance}-outside`) ? "link" : "",
    mounts.includes(instanceDirectory(instance)) ? "mount" : "",
    existsSync(instanceDirectory(instance)) ? "directory" : "",
    ...cgroupPaths(instance).filter((path) => existsSync(path)),
  ].filter((one) => one !== "")
}

function numberOf(cluster: Cluster): number {
  return Number(cluster.namespace?.split("-")[1])
}

/** Status of a GET without credentials, from outside. */
function anonymousStatus(cluster: Cluster, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { ca: cluster.caPem, rejectUnauthorized: true, agent: false }
    https
      .get(`${cluster.api.url}${path}`, options, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      .once("error", reject)
  })
}

describe("control-plane clusters", () => {
  test(
    "behave as the older version that was asked for, and say so in /version",
    async () => {
      await prepareCluster({ level: "control-plane", emulatedVersion: "1.34" })
      const cluster = await start({ emulatedVersion: "1.34" })
      const version = JSON.parse(await cluster.admin(["get", "--raw", "/version"]))
      expect([version.emulationMajor, version.emulationMinor]).toEqual(["1", "34"])
    },
    BUILD_MILLIS,
  )

  test("run side by side, each with its own addresses and objects, and leave nothing", async () => {
    const clusters = await Promise.all([start({ auditLog: true }), start({ closed: true })])
    const [open, closed] = clusters as [Cluster, Cluster]
    expect(open.insideAddress).not.toBe(closed.insideAddress)
    await open.admin(["create", "namespace", "only-here"])
    expect(await closed.admin(["get", "namespaces", "--output=name"])).not.toContain("only-here")
    expect((await open.probeInbound()).fromOutside).toBe("connected")
    expect((await closed.probeInbound()).closed).toBe(true)
    expect(await open.droppedPackets()).toBe(0)
    await Promise.all(clusters.map((cluster) => cluster.stop()))
    for (const cluster of clusters) expect(await remains(numberOf(cluster))).toEqual([])
  })

  test("use an authentication configuration, and one that is wrong is reported with the server's own words", async () => {
    const authenticationConfig = JSON.stringify({
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "AuthenticationConfiguration",
      anonymous: { enabled: true, conditions: [{ path: "/livez" }] },
    })
    const cluster = await start({ authenticationConfig })
    expect(await anonymousStatus(cluster, "/livez")).toBe(200)
    expect(await anonymousStatus(cluster, "/version")).toBe(401)
    const wrong = start({ authenticationConfig: "kind: Wrong" })
    await expect(wrong).rejects.toThrow(/kube-apiserver ended with code 1 before \/readyz[\s\S]*Wrong/)
  })

  test("are reached by their admin socket, with the API server's own certificate; images they take none, for they run no pods", async () => {
    const cluster = await start({ closed: true })
    const socket = tls.connect({
      socket: net.connect(cluster.adminSocket),
      ca: cluster.caPem,
      servername: "kubernetes.default",
      rejectUnauthorized: true,
    })
    socket.write("GET /livez HTTP/1.1\r\nHost: kubernetes.default\r\nConnection: close\r\n\r\n")
    expect(await text(socket)).toStartWith("HTTP/1.1 200 OK\r\n")
    expect(() => cluster.importImage("/x.tar")).toThrow(NoNode)
  })

  test("can be named by a kubeconfig, are then used as they are, and outlive their use", async () => {
    const own = await start({ auditLog: true })
    const before = process.env.CLUSTERCONNECT_TEST_KUBECONFIG
    process.env.CLUSTERCONNECT_TEST_KUBECONFIG = own.adminKubeconfig
    try {
      const named = await startCluster({ level: "control-plane" })
      expect([named.provider, named.isolated, named.caPem]).toEqual(["named", false, own.caPem])
      await named.admin(["create", "namespace", "by-name"])
      await expect(named.importImage("/x.tar")).rejects.toBeInstanceOf(NotOffered)
      await expect(named.addAddressName("relay.example", "10.89.1.1")).rejects.toBeInstanceOf(NotOffered)
      await named.stop()
      expect(existsSync(named.directory)).toBe(false)
    } finally {
      if (before === undefined) delete process.env.CLUSTERCONNECT_TEST_KUBECONFIG
      else process.env.CLUSTERCONNECT_TEST_KUBECONFIG = before
    }
    expect(await own.admin(["get", "namespaces", "--output=name"])).toContain("namespace/by-name\n")
  })
})

/** A run of its own that starts a cluster with a pod and a program inside, and then waits to be killed. */
const DOOMED = `
  const { startCluster } = await import(${JSON.stringify(join(import.meta.dir, "startCluster.ts"))})
  const cluster = await startCluster({ level: "node", closed: true })
  await cluster.admin(["run", "shell", "--image=${BUSYBOX_IMAGE}", "--command", "--", "sleep", "infinity"])
  await cluster.admin(["wait", "pod/shell", "--for=condition=Ready", "--timeout=60s"])
  const program = cluster.spawn("sleep", ["600"], { stdio: "ignore" })
  console.log(cluster.namespace.split("-")[1], program.pid)
  setInterval(() => {}, 1000)`

describe("a cluster whose run is killed", () => {
  test("ends at once, and the next start removes all that is left of it", async () => {
    const run = spawn(process.execPath, ["-e", DOOMED], { stdio: ["ignore", "pipe", "inherit"] })
    const said = await new Promise<string>((resolve) => run.stdout.once("data", (chunk) => resolve(`${chunk}`)))
    const [killed, pid] = said.trim().split(" ").map(Number) as [number, number]
    const program = identityOf(pid)!
    const { processes } = readRecord(killed)!
    expect(processes.map(({ name }) => name)).toEqual(expect.arrayContaining(["init", "containerd", "admin-port"]))
    expect(processes.every(isRunning)).toBe(true)

    const ended = new Promise((resolve) => run.once("close", resolve))
    run.kill("SIGKILL")
    await ended
    await whenEnded(processes)
    const left = await remains(killed)
    expect(left).toEqual(expect.arrayContaining(["namespace", "link", "directory", cgroupPaths(killed)[0]!]))
    expect(isRunning(program)).toBe(true)

    const next = await start({ auditLog: true })
    expect(isRunning(program)).toBe(false)
    await next.stop()
    expect(await remains(killed)).toEqual([])
  })
})

test("a program that stands still does not keep its cluster from ending", async () => {
  const cluster = await start()
  const instance = Number(cluster.namespace!.replace(/^.*-/, ""))
  const wrapper = readRecord(instance)!.processes.find(({ name }) => name === "kube-apiserver")!
  const [server] = (await Bun.file(`/proc/${wrapper.pid}/task/${wrapper.pid}/children`).text()).trim().split(" ")
  process.kill(Number(server), "SIGSTOP")
  // nsenter stands still with its child, and then does not collect it.
  while (!/^State:\s+T/m.test(await Bun.file(`/proc/${wrapper.pid}/status`).text())) await new Promise(setImmediate)
  await cluster.stop()
  expect(await remains(instance)).toEqual([])
})
