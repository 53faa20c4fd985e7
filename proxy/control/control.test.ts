import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { readdirSync, statSync, writeFileSync } from "node:fs"
import { mkdtemp, rename, rm } from "node:fs/promises"
import net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { LocalFailure } from "../failures.ts"
import { ControlConnection, ProxyGone, ProxySilent } from "./ControlConnection.ts"
import { ControlServer } from "./ControlServer.ts"
import type { ProxyStatus } from "./controlMessages.ts"
import { checkSocketPath, controlPlace, newControlName } from "./controlPlace.ts"
import { proxiesOfEntry, runningProxies } from "./runningProxies.ts"
import { statusLines } from "./statusLines.ts"
import { stopProxies } from "./stopProxies.ts"
import { surelyDead, thisHost } from "./thisHost.ts"

let folder: string
const closing: (() => Promise<unknown>)[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "clusterconnect-control-"))
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await rm(folder, { recursive: true })
})

const status: ProxyStatus = {
  ...{ pid: 7, version: "1.0.0", phase: "serving", background: true, startedAt: "2026-01-01T00:00:00.123Z" },
  relay: "https://relay.example",
  kubeconfig: "/k",
  clusters: [{ cluster: "edge-1", context: "mine", port: 47_011, path: { state: "connected" } }],
}
const proxy = async (own: Partial<ProxyStatus> = {}, stop: () => void = () => {}) => {
  const credential = (cluster: string) => (cluster === "edge-1" ? "ccsession_x" : undefined)
  const answers = { status: () => ({ ...status, ...own }), credential, stop }
  const server = await ControlServer.listen(folder, answers, own.entry)
  closing.push(() => server.close())
  return server
}
/** Something else that listens where a proxy would; undefined: what a killed one leaves. */
const other = async (name: string, accept?: (socket: net.Socket) => void) => {
  const server = net.createServer(accept)
  const unnamed = join(folder, ".other")
  await new Promise<void>((resolve) => server.listen(unnamed, resolve))
  await rename(unnamed, join(folder, name))
  if (accept === undefined) await new Promise((resolve) => server.close(resolve))
  else closing.push(async () => server.close())
}
const place = (name: string) => {
  const found = controlPlace(folder, name)
  if (found === undefined) throw new Error(`no place: ${name}`)
  return found
}
const named = (pid: number, entry?: string) => newControlName(pid, entry)
const killed = named(4242)

describe("a control socket", () => {
  test("is private, answers with status and credential, and goes when it is closed", async () => {
    const server = await proxy()
    expect(statSync(server.place.file).mode & 0o777).toBe(0o600)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(readdirSync(folder)).toEqual([
      expect.stringMatching(new RegExp(`^${process.pid}-${thisHost.host}${thisHost.boot}-[0-9a-f]{8}$`)),
    ])
    using connection = await ControlConnection.open(server.place)
    expect(await connection.status()).toEqual(status)
    expect(await connection.credential("edge-1")).toBe("ccsession_x")
    expect(await connection.credential("edge-2")).toBeUndefined()
    await server.close()
    expect(readdirSync(folder)).toEqual([])
  })
  test("answers before it ends the proxy, and whoever asked sees the end of the connection, not of the listener", async () => {
    const asked = Promise.withResolvers<void>()
    const server = await proxy({}, () => asked.resolve())
    using connection = await ControlConnection.open(server.place)
    await connection.stop()
    await asked.promise
    await server.close()
    expect(await connection.gone(1)).toBe(false)
  })
  test("drops who asks what it does not know, and goes on", async () => {
    const { place } = await proxy()
    for (const words of ['{"ask":"everything"}\n', "GET / HTTP/1.1\r\n", "x".repeat(5_000)]) {
      const socket = net.connect(place.address)
      socket.on("error", () => {})
      await new Promise((resolve) => socket.on("close", resolve).write(words))
    }
    expect((await runningProxies(folder)).length).toBe(1)
  })
  test("whose path no system could have is refused, and the message says what to set", async () => {
    const long = join(folder, "l".repeat(100))
    const answers = { status: () => status, credential: () => undefined, stop: () => {} }
    await expect(ControlServer.listen(long, answers)).rejects.toThrow("XDG_STATE_HOME")
    expect(() => checkSocketPath("x".repeat(107), "linux")).not.toThrow()
    expect(() => checkSocketPath("x".repeat(108), "linux")).toThrow(LocalFailure)
    expect(() => checkSocketPath("x".repeat(104), "darwin")).toThrow(LocalFailure)
    expect(controlPlace("C:\\r", killed, "win32")?.address).toBe(`\\\\.\\pipe\\clusterconnect-${killed}`)
  })
})

describe("running proxies", () => {
  test("are none where there is no folder", async () => {
    expect(await runningProxies(join(folder, "none"))).toEqual([])
  })
  test("are those that answer, the oldest first; what a killed one left is removed, what is not ours stays", async () => {
    await proxy({ startedAt: "2026-01-02T00:00:00Z" })
    await proxy({ startedAt: "2026-01-01T00:00:00Z" })
    await other(killed)
    writeFileSync(join(folder, "notes"), "")
    const started = (await runningProxies(folder)).map((one) => one.status?.startedAt)
    expect(started).toEqual(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])
    expect(readdirSync(folder)).not.toContain(killed)
    expect(readdirSync(folder)).toContain("notes")
    await expect(ControlConnection.open(place(killed))).rejects.toThrow(ProxyGone)
  })
  test("of another machine that shares the home are left to it: a refused connection says nothing about them", async () => {
    const elsewhere = newControlName(4242, undefined, { host: thisHost.host === "0000" ? "0001" : "0000", boot: "" })
    await other(elsewhere)
    expect(await runningProxies(folder)).toEqual([])
    expect(readdirSync(folder)).toEqual([elsewhere])
    const here = { host: "aaaa", boot: "bbbb" }
    expect(surelyDead({ host: "cccc", boot: "bbbb" }, 4242, here)).toBe(false)
    // An earlier start of this machine.
    expect(surelyDead({ host: "aaaa", boot: "0000" }, process.pid, here)).toBe(true)
    // A full queue refuses too, where the system is not Linux.
    expect(surelyDead({ host: "aaaa", boot: "" }, process.pid, { host: "aaaa", boot: "" })).toBe(false)
  })
  test("of an entry are known by its hash, and no other proxy is asked, nor waited for", async () => {
    const [hash, same] = ["abcdef01", "abcdef02"]
    await proxy({ entry: hash, startedAt: "a" })
    await proxy({ entry: same, startedAt: "b" })
    let asked = 0
    for (const name of [named(4242), named(4243, "0123456789")])
      await other(name, () => {
        asked += 1
      })
    expect((await proxiesOfEntry(folder, hash)).map((one) => one.status?.startedAt)).toEqual(["a"])
    expect(asked).toBe(0)
  })
  test("that do not answer as proxies do are shown as such and never removed", async () => {
    await other(killed, (socket) => socket.end("what?\n"))
    const [found] = await runningProxies(folder)
    expect(found?.status).toBeUndefined()
    expect(readdirSync(folder)).toEqual([killed])
    using connection = await ControlConnection.open(place(killed))
    await expect(connection.status()).rejects.toThrow(ProxySilent)
    await expect(stopProxies(folder, "all")).rejects.toThrow("pid 4242 does not answer")
  })
  test("are a table for a person, with the hop that is broken below it", () => {
    const unreachable = {
      ...({
        state: "unreachable",
        hop: "agent",
        cause: "NoSession",
        message: "no agent\u001b[2J is connected",
      } as const),
      since: "2026-01-01T00:00:00Z",
    }
    const clusters = [...status.clusters, { cluster: "b", context: "b", port: 1, path: unreachable }]
    expect(statusLines([{ place: place(killed), status: { ...status, clusters } }])).toEqual([
      "CLUSTER  CONTEXT  PORT   PID  SINCE                 STATE        RELAY                  KUBECONFIG",
      "edge-1   mine     47011  7    2026-01-01T00:00:00Z  connected    https://relay.example  /k",
      "b        b        1      7    2026-01-01T00:00:00Z  unreachable  https://relay.example  /k",
      "b: not reachable since 2026-01-01T00:00:00Z, agent: no agent [2J is connected (NoSession)",
    ])
  })
})

describe("stopping", () => {
  test("a cluster that nobody serves is an error that lists what runs, and ends nothing", async () => {
    let stopped = 0
    await proxy({}, () => {
      stopped += 1
    })
    await expect(stopProxies(folder, ["edge-1", "edge-2"])).rejects.toThrow(
      "no proxy serves edge-2; there run: edge-1 of https://relay.example (pid 7). Nothing was ended",
    )
    expect(stopped).toBe(0)
  })
  test("a name that two relays have is refused until the relay is named", async () => {
    const stopped: string[] = []
    for (const relay of ["https://one.example", "https://two.example"]) {
      await proxy({ relay }, () => {
        stopped.push(relay)
      })
    }
    await expect(stopProxies(folder, ["edge-1"])).rejects.toThrow("say which with --relay")
    await expect(stopProxies(folder, ["edge-1"], "https://three.example")).rejects.toThrow("no proxy of https://three")
    expect(stopped).toEqual([])
  })
  test("never touches a process for its id: what a killed proxy left is only removed", async () => {
    await other(named(process.pid))
    expect(await stopProxies(folder, "all")).toEqual([])
    expect(readdirSync(folder)).toEqual([])
  })
})
