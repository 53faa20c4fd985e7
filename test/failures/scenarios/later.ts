import { afterAll, beforeAll, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import net from "node:net"
import { join } from "node:path"
import { parse, stringify } from "yaml"
import { writeFileAtomic } from "../../../platform/files.ts"
import { eventually } from "../../world/eventually.ts"
import { ours } from "../../world/ours.ts"
import { follow, listening } from "../../world/Program.ts"
import type { World } from "../../world/World.ts"
import {
  apiServerPid,
  ask,
  audiences,
  frozen,
  honestly,
  honestlyAtFirst,
  started,
  token,
  worksAgain,
} from "../Adversity.ts"

/** What the user's kubectl says when something breaks in a session that works. */
export const later = (world: () => World, stack: AsyncDisposableStack): void => {
  let dora: Awaited<ReturnType<typeof started>>
  beforeAll(async () => {
    dora = await started(world())
    await worksAgain(dora.side)
  }, 60_000)
  afterAll(() => dora.stop())

  const configFile = () => join(world().directory, "relay", "config.yaml")

  test("a cluster token that expired says so, and a new one in the file is taken at once", async () => {
    const file = join(dora.folder, "cluster-token")
    const good = readFileSync(file, "utf8")
    writeFileSync(file, await token(world(), { audience: audiences(world()).cluster, expiresInSeconds: -3600 }))
    expect(await honestly(dora.side)).toMatch(/expired/)
    writeFileSync(file, good)
    expect((await ask(dora.side)).code).toBe(0)
  })
  test("a policy that no longer admits the caller ends in a refusal by the relay, until it admits again", async () => {
    const before = readFileSync(configFile(), "utf8")
    await writeFileAtomic(configFile(), stringify({ ...parse(before), policy: [] }))
    const refused = await eventually("the new policy", 10_000, async () => {
      const answer = await ask(dora.side)
      return answer.code === 0 ? { seen: answer.stdout } : { done: answer.stderr }
    })
    expect(refused).toContain("clusterconnect relay: ")
    expect(await honestly(dora.side, "write")).toContain("clusterconnect relay: ")
    await writeFileAtomic(configFile(), before)
    await worksAgain(dora.side)
  })
  for (const [hop, pid, said] of [
    ["agent", () => world().agent.pid, /clusterconnect (relay|agent): /],
    ["auth proxy", () => world().authProxy.pid, /clusterconnect (relay|agent|auth-proxy): /],
    ["relay", () => world().relay.pid, /clusterconnect relay: /],
  ] as const)
    test(`a frozen ${hop} is an honest failure for a read and for a write, and no more when it goes on`, async () => {
      await frozen(pid(), async () => {
        expect(await honestly(dora.side)).toMatch(said)
        expect(await honestly(dora.side, "write")).toMatch(said)
      })
      await worksAgain(dora.side)
    }, 120_000)
  test("10,000 connections that say nothing are bounded, and the session goes on beside them", async () => {
    const { port } = await listening(world().relay, "public")
    const sockets: net.Socket[] = []
    let refused = 0
    const settled = Array.from({ length: 10_000 }, () => {
      const socket = net.connect(port, "127.0.0.1")
      sockets.push(socket)
      return new Promise<void>((resolve) => {
        socket.once("connect", () => resolve())
        socket.on("error", () => resolve()).resume()
        socket.once("close", () => {
          refused += 1
          resolve()
        })
      })
    })
    await Promise.all(settled)
    expect((await ask(dora.side)).code).toBe(0)
    await eventually("most are refused", 20_000, async () => (refused > 5_000 ? { done: true } : { seen: refused }))
    for (const socket of sockets) socket.destroy()
    await worksAgain(dora.side)
  })
  test("a relay that is gone is named, and one that comes back is found again", async () => {
    const { port } = await listening(world().relay, "public")
    await world().relay.stop("SIGKILL")
    expect(await honestly(dora.side)).toContain("clusterconnect relay: ")
    expect(await honestly(dora.side, "write")).toContain("clusterconnect relay: ")
    expect(await honestlyAtFirst(dora.side, dora.folder)).toContain("Warning: clusterconnect relay: ")
    const configuration = parse(readFileSync(configFile(), "utf8"))
    await writeFileAtomic(configFile(), stringify({ ...configuration, listen: `127.0.0.1:${port}` }))
    const [command, args] = ours("clusterconnect-relay", ["serve", "--config", configFile()])
    const again = follow("relay again", spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] }))
    stack.defer(() => again.stop())
    await listening(again, "public")
    await worksAgain(dora.side)
  }, 180_000)
  test("an identity provider that is gone later stops nobody whose keys are known", async () => {
    await world().identityProvider.stop()
    writeFileSync(join(dora.folder, "cluster-token"), await token(world(), { audience: audiences(world()).cluster }))
    await worksAgain(dora.side)
    await world().identityProvider.start()
  })
  test("an API server that stands still is named, and the session works again when it goes on", async () => {
    await worksAgain(dora.side)
    await frozen(await apiServerPid(world()), async () => {
      expect(await honestly(dora.side)).toContain("clusterconnect api-server: ")
      expect(await honestly(dora.side, "write")).toContain("clusterconnect api-server: ")
    })
    await worksAgain(dora.side)
  }, 90_000)
  test("an API server that is gone is named, and the session works again when it is back", async () => {
    await world().cluster.killApiServer()
    expect(await honestly(dora.side)).toContain("clusterconnect api-server: ")
    expect(await honestly(dora.side, "write")).toContain("clusterconnect api-server: ")
    expect(await honestlyAtFirst(dora.side, dora.folder)).toContain("Warning: clusterconnect api-server: ")
    await world().cluster.startApiServer()
    await worksAgain(dora.side)
  }, 180_000)
  test("an auth proxy that starts without its identity provider names it, and serves as soon as it is back", async () => {
    const { authProxy, identityProvider } = world()
    await worksAgain(dora.side)
    await identityProvider.stop()
    await authProxy.stop("SIGKILL")
    await world().authProxyAgain()
    const seen = await eventually("the auth proxy's own answer", 60_000, async () => {
      const answer = await ask(dora.side)
      return answer.stderr.includes("identity-provider") ? { done: answer.stderr } : { seen: answer }
    })
    expect(seen).toContain("clusterconnect identity-provider: ")
    expect(await honestly(dora.side, "write")).toContain("clusterconnect identity-provider: ")
    await identityProvider.start()
    await eventually("the keys are there", 90_000, async () => {
      const answer = await ask(dora.side, "write")
      return answer.code === 0 ? { done: true } : { seen: answer.stderr }
    })
  }, 240_000)
}
