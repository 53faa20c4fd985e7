import { expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import { request } from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { KubeConfig } from "@kubernetes/client-node"
import { eventually } from "../../world/eventually.ts"
import type { User, World } from "../../world/World.ts"
import { end, lines } from "../sides.ts"

const megabyte = 1024 * 1024
/** The number: what waits to be uploaded. */
const uploadBytes = 500 * megabyte
/**
 * What one stalled stream may hold in one process: a window of at most 8 MiB as replay buffer, as much again in sockets, TLS records and
 * frames on their way. Far below what waits; the allocator's slack is in it.
 */
const stalledProcessBytes = 64 * megabyte

const residentBytes = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+) kB/)![1]) * 1024

/** What is open now at each hop behind the relay. */
const open = async (world: World) => ({
  watches: await world.apiServerWatches("configmaps"),
  requests: await world.metric("auth-proxy", "clusterconnect_auth_proxy_requests_in_flight"),
  sockets: await world.authProxyConnections(),
})

const noMoreThan = (now: Record<string, number>, before: Record<string, number>): boolean =>
  Object.entries(now).every(([what, count]) => count <= before[what]!)

interface Answer {
  readonly status: number | undefined
  readonly body: string
}

const get = (kubeconfig: string, path: string): Promise<Answer> => {
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const cluster = config.getCurrentCluster()!
  const authority = Buffer.from(cluster.caData!, "base64")
  const headers = { authorization: `Bearer ${config.getCurrentUser()!.token}` }
  return new Promise((resolve, reject) => {
    const asked = request(
      `${cluster.server}${path}`,
      { ca: authority, rejectUnauthorized: true, headers },
      (answer) => {
        let body = ""
        answer.on("data", (chunk) => {
          body += chunk
        })
        answer.once("end", () => resolve({ status: answer.statusCode, body }))
        answer.once("error", reject)
      },
    )
    asked.once("error", reject)
    asked.end()
  })
}

/** A machine that makes 200 connections in more than their 8 s gives an honest 503; whoever asks again is served. */
const served = async (kubeconfig: string, path: string, attempts = 5): Promise<Answer> => {
  const answer = await get(kubeconfig, path)
  const isLate = answer.status === 503 && !answer.body.includes("TooManyConnections")
  return isLate && attempts > 1 ? served(kubeconfig, path, attempts - 1) : answer
}

/** What stays behind when clients vanish, and what a stalled reader may cost. */
export const leftovers = (world: () => World, alice: () => User): void => {
  test("30 watches and 200 short requests in parallel are all served", async () => {
    const before = await world().apiServerWatches("configmaps")
    const watch = ["get", "configmaps", "-n", "e2e", "-l", "crowd=yes", "-o", "name", "--watch"]
    const watches = Array.from({ length: 30 }, () => alice().kubectl.spawn(watch))
    const seen = watches.map(lines)
    // First, so that the requests do not wait for the start of 30 programs.
    await eventually("30 watches at the API server", 60_000, async () => {
      const now = await world().apiServerWatches("configmaps")
      return now === before + 30 ? { done: now } : { seen: now }
    })
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        served(alice().kubeconfig, `/api/v1/namespaces/e2e/pods?limit=1&n=${index}`),
      ),
    )
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    await world().cluster.admin(["create", "configmap", "crowd", "-n", "e2e"])
    await world().cluster.admin(["label", "configmap", "crowd", "-n", "e2e", "crowd=yes"])
    await Promise.all(seen.map(({ until }) => until("configmap/crowd")))
    await Promise.all(watches.map((child) => end(child, "SIGKILL")))
    await eventually("no watch left at the API server", 5_000, async () => {
      const now = await world().apiServerWatches("configmaps")
      return now <= before ? { done: now } : { seen: { now, before } }
    })
  }, 180_000)

  test("a kubectl that disappears leaves no watch and no connection behind within 5 s", async () => {
    const before = await open(world())
    const child = alice().kubectl.spawn(["get", "configmaps", "-n", "e2e", "-o", "name", "--watch"])
    await lines(child).until("configmap/large")
    await eventually("the watch at the API server", 60_000, async () => {
      const now = await open(world())
      return now.watches === before.watches + 1 ? { done: now } : { seen: now }
    })
    child.kill("SIGKILL")
    await eventually("nothing more open than before", 5_000, async () => {
      const now = await open(world())
      return noMoreThan(now, before) ? { done: now } : { seen: { now, before } }
    })
  })

  test("a proxy that disappears leaves no stream behind when its hold has ended", async () => {
    const before = await world().metric("auth-proxy", "clusterconnect_auth_proxy_streams")
    const carol = await world().user("carol", ["team-a"])
    const child = carol.kubectl.spawn(["get", "configmaps", "-n", "e2e", "-o", "name", "--watch"])
    await lines(child).until("configmap/large")
    expect(await world().metric("auth-proxy", "clusterconnect_auth_proxy_streams")).toBeGreaterThan(before)
    await carol.proxy.stop("SIGKILL")
    // Its hold of a few seconds, and the time that the tombstones of ended streams take.
    await eventually("no stream of the vanished proxy", 3 * world().holdMillis + 10_000, async () => {
      const now = await world().metric("auth-proxy", "clusterconnect_auth_proxy_streams")
      return now <= before ? { done: now } : { seen: { now, before } }
    })
    child.kill("SIGKILL")
  }, 120_000)

  test("500 MB uploaded into a pod that does not read hold no process beyond its bound", async () => {
    const folder = mkdtempSync(join(tmpdir(), "clusterconnect-stalled-"))
    const file = openSync(join(folder, "upload"), "w+")
    ftruncateSync(file, uploadBytes)
    const pids = [...world().pathPids(), alice().proxy.pid]
    const before = pids.map(residentBytes)
    const child = spawn(
      world().cluster.kubectl,
      [
        "--kubeconfig",
        alice().kubeconfig,
        "exec",
        "-i",
        "shell",
        "-n",
        "e2e",
        "--",
        "sh",
        "-c",
        "echo stalled; sleep 600",
      ],
      { stdio: [file, "pipe", "pipe"] },
    )
    await lines(child).until("stalled")
    let [last, still] = [world().recorder.recordedBytes(), 0]
    await eventually("the upload to stand still", 60_000, async () => {
      const sent = world().recorder.recordedBytes()
      // Pings of idle streams go on.
      still = sent - last < 4096 ? still + 1 : 0
      last = sent
      return still === 20 ? { done: sent } : { seen: sent }
    })
    const growth = pids.map((pid, index) => residentBytes(pid) - before[index]!)
    child.kill("SIGKILL")
    closeSync(file)
    rmSync(folder, { recursive: true, force: true })
    expect(growth.filter((bytes) => bytes > stalledProcessBytes)).toEqual([])
  }, 120_000)
}
