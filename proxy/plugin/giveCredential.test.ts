import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { makePrivateDirectory } from "../../platform/files.ts"
import { BackgroundFailed } from "../background/outcomes.ts"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { ControlServer } from "../control/ControlServer.ts"
import type { ProxyStatus } from "../control/controlMessages.ts"
import { controlPlace, newControlName, runningFolder } from "../control/controlPlace.ts"
import { entryHash } from "./entry.ts"
import { type Asked, giveCredential, type StartOptions } from "./giveCredential.ts"

let state: string
const closing: (() => unknown)[] = []
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), "clusterconnect-give-"))
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await rm(state, { recursive: true })
})

const flags = { clusters: ["edge-1"], relay: "https://relay.example" } as unknown as GivenFlags
const asked: Asked = {
  cluster: "edge-1",
  flags,
  rules: { port: 27_100, idleSeconds: 60, variables: {} },
  level: "info",
}
const hash = entryHash(asked.flags, asked.rules)
const places = () => ({ configuration: state, state })
const give = (options: Omit<StartOptions, "signal">) =>
  giveCredential(asked, places(), { signal: new AbortController().signal, ...options })
/** Listens as a proxy that is suspended: the kernel takes connections, and nobody answers. */
const suspended = async (entry?: string) => {
  const folder = runningFolder(places())
  await makePrivateDirectory(folder)
  const address = controlPlace(folder, newControlName(4242, entry))?.address
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(address, resolve))
  closing.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
}
const serves = async () => {
  const status = { pid: 7, version: "1", phase: "serving", background: true, startedAt: "a", relay: "r" } as const
  const all: ProxyStatus = { ...status, entry: hash, clusters: [] }
  const answers = { status: () => all, credential: () => "ccsession_x", stop: () => {} }
  const server = await ControlServer.listen(runningFolder(places()), answers, hash)
  closing.push(() => server.close())
}

describe("a kubeconfig's credential", () => {
  test("comes from the proxy that was started for it, whichever other proxy hangs", async () => {
    await suspended()
    await suspended("0000000000")
    const began = performance.now()
    expect(await give({ start: () => Effect.promise(serves) })).toBe("ccsession_x")
    expect(performance.now() - began).toBeLessThan(1_500)
  })
  test("is refused, with the pid to look at, when its own proxy hangs; no second one is started", async () => {
    await suspended(hash)
    const start = () => Effect.die("started")
    await expect(give({ start })).rejects.toThrow("pid 4242, does not answer")
  })
  test("is refused to all that waited for a start that failed, not tried for each; whoever comes later tries again", async () => {
    let starts = 0
    const failing = Promise.withResolvers<void>()
    const start = () =>
      Effect.promise(() => {
        starts += 1
        return failing.promise
      }).pipe(Effect.zipRight(new BackgroundFailed({ exitCode: 5, detail: "no way to the relay" })))
    const all = Array.from({ length: 5 }, () => give({ start }).catch((error) => error))
    failing.resolve()
    for (const failure of await Promise.all(all))
      expect(failure).toMatchObject({ exitCode: 5, detail: "no way to the relay" })
    expect(starts).toBe(1)
    await give({ start }).catch(() => {})
    expect(starts).toBe(2)
  })
  test("is refused with who has the entry's port, and what helps", async () => {
    const holder = net.createServer()
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve))
    closing.push(() => new Promise((resolve) => holder.close(resolve)))
    const { port } = holder.address() as net.AddressInfo
    const start = () => new BackgroundFailed({ exitCode: 1, detail: "Choose another with --port" })
    const refused = () =>
      giveCredential({ ...asked, rules: { ...asked.rules, port } }, places(), {
        signal: new AbortController().signal,
        start,
      })
    await expect(refused()).rejects.toThrow("write the entry again: clusterconnect kubeconfig edge-1")
    const path = { state: "idle" } as const
    const all: ProxyStatus = {
      ...{ pid: 7, version: "1", phase: "serving", background: true, startedAt: "a", relay: "r" },
      clusters: [{ cluster: "edge-2", context: "edge-2", port, path }],
    }
    const answers = { status: () => all, credential: () => undefined, stop: () => {} }
    const server = await ControlServer.listen(runningFolder(places()), answers)
    closing.push(() => server.close())
    await expect(refused()).rejects.toThrow("your proxy for edge-2 (pid 7) listens there")
  })
  test("is refused when the start says nothing for too long", async () => {
    await expect(give({ start: () => Effect.never, startMillis: 10 })).rejects.toThrow("did not say within 0.01 s")
  })
})
