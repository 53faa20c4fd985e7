import { afterEach, describe, expect, spyOn, test } from "bun:test"
import { Effect, Exit, Scope } from "effect"
import type { WebSocket } from "ws"
import { refusedReads } from "../../platform/fixtures/refusedReads.ts"
import { makeLog } from "../../platform/logs.ts"
import type { DialFailed } from "../../protocol/control.ts"
import { callerHashHeader, clientAddressHeader, closeCode, streamProtocol } from "../../protocol/names.ts"
import { newSecret } from "../../protocol/ticket.ts"
import { ControlSessions } from "./control/ControlSessions.ts"
import { type AgentFiles, agentFiles } from "./fixtures/agentFiles.ts"
import { FakeAuthProxy } from "./fixtures/FakeAuthProxy.ts"
import { FakeRelay, type FakeRelayOptions } from "./fixtures/FakeRelay.ts"
import type { Half } from "./fixtures/Half.ts"
import { target, tunnelSettings } from "./settings.ts"
import { openTunnel } from "./Tunnel.ts"

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const fakeRelay = async (options?: FakeRelayOptions) => {
  const relay = await FakeRelay.open(options)
  cleanups.push(() => relay.close())
  return relay
}
const fakeAuthProxy = async () => {
  const proxy = await FakeAuthProxy.open()
  cleanups.push(() => proxy.close())
  return proxy
}

/** An agent in this process, with what it logs. */
const startAgent = async (relay: FakeRelay, authProxies: readonly FakeAuthProxy[], all = authProxies) => {
  const files: AgentFiles = await agentFiles(relay.url)
  cleanups.push(() => files.remove())
  const lines: string[] = []
  const log = makeLog({ program: "agent", level: "debug", write: (line) => void lines.push(line) })
  const settings = {
    ...tunnelSettings(
      { dir: files.dir, authProxy: authProxies.map(({ address }) => address), authProxyAll: [], caFile: [] },
      {},
    ),
    allAuthProxies: all.map(({ address }) => target("test", address)),
  }
  const scope = await Effect.runPromise(Scope.make())
  const stop = () => Effect.runPromise(Scope.close(scope, Exit.void))
  cleanups.push(stop)
  const tunnel = await Effect.runPromise(Scope.extend(openTunnel(settings, log), scope))
  return { tunnel, files, lines, stop }
}

const half = (answer: Half | DialFailed): Half => {
  if ("reason" in answer) throw new Error(`dial failed: ${answer.reason}`)
  return answer
}
const reason = (answer: Half | DialFailed) => ("reason" in answer ? answer.reason : "joined")

describe("an agent", () => {
  test("proves itself to its relay and says so", async () => {
    const relay = await fakeRelay()
    const { tunnel, files } = await startAgent(relay, [await fakeAuthProxy()])
    const { hello } = await relay.sessions.next()
    expect(hello).toMatchObject({ cluster: "edge-1", document: files.material.signedDocument })
    const { sessionKeys, serial } = files.material.document
    expect(tunnel.status()).toMatchObject({
      cluster: "edge-1",
      relay: relay.url,
      sessionKey: sessionKeys[0] ?? "",
      documentSerial: serial,
    })
  })

  test("carries bytes both ways between the relay's half and an auth proxy, with the caller's marks", async () => {
    const [relay, authProxy] = [await fakeRelay(), await fakeAuthProxy()]
    const { tunnel } = await startAgent(relay, [authProxy])
    const session = await relay.sessions.next()
    const callerHash = newSecret()
    const joined = relay.dial(session, { callerHash, clientAddress: "2001:db8::7" })
    const inner = await authProxy.carriers.next()
    const outer = half(await joined)
    expect(inner.headers[callerHashHeader]).toBe(callerHash)
    expect(inner.headers[clientAddressHeader]).toBe("2001:db8::7")
    expect(outer.socket.protocol).toBe(streamProtocol)
    outer.socket.send(Buffer.from("to the auth proxy"))
    expect(await inner.messages.next()).toBe("to the auth proxy")
    inner.socket.send(Buffer.from("to the relay"))
    expect(await outer.messages.next()).toBe("to the relay")
    expect(tunnel.status().carriers).toBe(1)
    expect(tunnel.status().authProxies).toEqual({ [authProxy.address]: 1 })
    inner.socket.close(1000, "ended")
    expect(await outer.closed).toBe(1000)
  })

  test("loses nothing that arrives before both halves are joined", async () => {
    const [relay, authProxy] = [await fakeRelay(), await fakeAuthProxy()]
    await startAgent(relay, [authProxy])
    const joined = relay.dial(await relay.sessions.next())
    const inner = await authProxy.carriers.next()
    inner.socket.send(Buffer.from("at once"))
    expect(await half(await joined).messages.next()).toBe("at once")
  })

  test("gives new streams to the auth proxy with the fewest carriers", async () => {
    const relay = await fakeRelay()
    const authProxies = [await fakeAuthProxy(), await fakeAuthProxy()]
    const { tunnel } = await startAgent(relay, authProxies)
    const session = await relay.sessions.next()
    for (let n = 0; n < 6; n++) half(await relay.dial(session))
    expect(Object.values(tunnel.status().authProxies)).toEqual([3, 3])
  })

  test("gives a new stream to the next auth proxy when the first is gone or refuses", async () => {
    const relay = await fakeRelay()
    const [gone, refusing, good] = [await fakeAuthProxy(), await fakeAuthProxy(), await fakeAuthProxy()]
    refusing.refusing = 503
    await gone.close()
    const { tunnel } = await startAgent(relay, [gone, refusing, good])
    const session = await relay.sessions.next()
    for (let n = 0; n < 4; n++) half(await relay.dial(session))
    expect(tunnel.status().authProxies).toEqual({ [good.address]: 4 })
  })
})

test.each([
  ["whose close was lost", 1, (socket: WebSocket) => socket.terminate()],
  ["whose end has gone", 1, (socket: WebSocket) => socket.close(1001, "going away")],
  ["that ended in good order", 0, (socket: WebSocket) => socket.close(1000, "ended")],
  ["that moves", 0, (socket: WebSocket) => socket.close(closeCode.moved, "draining")],
])("after a carrier %s the relay is asked for a sign of life %d times", async (_, times, end) => {
  const asked = spyOn(ControlSessions.prototype, "carrierLost")
  cleanups.push(() => asked.mockRestore())
  const [relay, authProxy] = [await fakeRelay(), await fakeAuthProxy()]
  await startAgent(relay, [authProxy])
  const joined = relay.dial(await relay.sessions.next())
  const inner = await authProxy.carriers.next()
  const outer = half(await joined)
  end(inner.socket)
  await outer.closed
  expect(asked).toHaveBeenCalledTimes(times)
})

describe("a resumed stream", () => {
  test("goes to the process that holds it, even if that takes no new streams", async () => {
    const relay = await fakeRelay()
    const [ready, terminating] = [await fakeAuthProxy(), await fakeAuthProxy()]
    const { tunnel } = await startAgent(relay, [ready], [ready, terminating])
    half(await relay.dial(await relay.sessions.next(), { instance: `${terminating.address}#boot-1` }))
    expect(tunnel.status().authProxies).toEqual({ [terminating.address]: 1 })
  })

  test("fails with `instance` for another process behind the address, and for an address that is no auth proxy's", async () => {
    const [relay, authProxy, stranger] = [await fakeRelay(), await fakeAuthProxy(), await fakeAuthProxy()]
    await startAgent(relay, [authProxy])
    const session = await relay.sessions.next()
    expect(reason(await relay.dial(session, { instance: `${authProxy.address}#boot-2` }))).toBe("instance")
    expect(reason(await relay.dial(session, { instance: `${stranger.address}#boot-1` }))).toBe("instance")
    expect(stranger.connections).toBe(0)
  })

  test("that finds another process behind the address does not put that process last for new streams", async () => {
    const [relay, renewed, busy] = [await fakeRelay(), await fakeAuthProxy(), await fakeAuthProxy()]
    const { tunnel } = await startAgent(relay, [renewed, busy])
    const session = await relay.sessions.next()
    half(await relay.dial(session, { instance: `${busy.address}#boot-1` }))
    expect(reason(await relay.dial(session, { instance: `${renewed.address}#boot-2` }))).toBe("instance")
    half(await relay.dial(session))
    expect(tunnel.status().authProxies).toEqual({ [busy.address]: 1, [renewed.address]: 1 })
  })
})

describe("a dial fails with", () => {
  test("`auth-proxy-unreachable` when nobody listens", async () => {
    const [relay, gone] = [await fakeRelay(), await fakeAuthProxy()]
    await gone.close()
    await startAgent(relay, [gone])
    expect(reason(await relay.dial(await relay.sessions.next()))).toBe("auth-proxy-unreachable")
  })

  test("`auth-proxy-refused` when every auth proxy answers and none takes it", async () => {
    const [relay, authProxy] = [await fakeRelay(), await fakeAuthProxy()]
    authProxy.refusing = 503
    await startAgent(relay, [authProxy])
    expect(reason(await relay.dial(await relay.sessions.next()))).toBe("auth-proxy-refused")
  })

  test("`relay-unreachable` when the relay does not know the ticket, and the auth proxy's half is closed", async () => {
    const [relay, authProxy] = [await fakeRelay(), await fakeAuthProxy()]
    const { tunnel } = await startAgent(relay, [authProxy])
    const session = await relay.sessions.next()
    const answer = relay.dial({ ...session, secret: newSecret() })
    const inner = await authProxy.carriers.next()
    expect(await inner.closed).toBe(closeCode.moved)
    expect(reason(await answer)).toBe("relay-unreachable")
    expect(tunnel.status().authProxies).toEqual({})
  })
})

describe("credentials that are replaced while the agent runs", () => {
  test("are proven by a new session before the old one ends, and carriers live on", async () => {
    const [relay, authProxy] = [await fakeRelay(), await fakeAuthProxy()]
    const { files } = await startAgent(relay, [authProxy])
    const first = await relay.sessions.next()
    const joined = relay.dial(first)
    const inner = await authProxy.carriers.next()
    const outer = half(await joined)
    const rotated = await files.rotate()
    const second = await relay.sessions.next()
    expect(second.hello.sessionKey).toBe(rotated.document.sessionKeys[0] ?? "")
    expect(second.hello.instance).toBe(first.hello.instance)
    expect((await first.closed).code).toBe(closeCode.superseded)
    outer.socket.send(Buffer.from("still here"))
    expect(await inner.messages.next()).toBe("still here")
  })

  test("are left aside while they are unusable", async () => {
    const relay = await fakeRelay()
    const { tunnel, files, lines } = await startAgent(relay, [await fakeAuthProxy()])
    await relay.sessions.next()
    await Bun.write(`${files.dir}/document`, "garbage")
    await Effect.runPromise(tunnel.reload)
    expect(tunnel.status().credentialsRefused).toContain("document")
    expect(tunnel.status().documentSerial).toBe(files.material.document.serial)
    expect(lines.some((line) => line.includes("the last good ones stay in force"))).toBe(true)
  })
})

describe("credentials that cannot be read when they change", () => {
  test("are read again until they can be, and the log tells once", async () => {
    const relay = await fakeRelay()
    const { tunnel, files, lines } = await startAgent(relay, [await fakeAuthProxy()])
    await relay.sessions.next()
    using reads = refusedReads(files.dir)
    reads.fault = "EMFILE"
    const rotated = await files.rotate()
    await reads.refusals(3)
    expect(tunnel.status().credentialsRefused).toContain("EMFILE")
    expect(lines.filter((line) => line.includes("EMFILE"))).toHaveLength(1)
    reads.fault = undefined
    expect((await relay.sessions.next()).hello.sessionKey).toBe(rotated.document.sessionKeys[0] ?? "")
    expect(tunnel.status().credentialsRefused).toBeUndefined()
  })
})

describe("a relay", () => {
  test("that calls itself otherwise gets no signature", async () => {
    const relay = await fakeRelay({ announced: "https://relay.example.com" })
    const { lines, tunnel } = await startAgent(relay, [await fakeAuthProxy()])
    expect(await relay.refusals.next()).toBe(`closed ${closeCode.protocolError} RelayUrlDiffers`)
    expect(tunnel.status().sessions).toEqual([])
    expect(lines.join("")).toContain("RelayUrlDiffers")
  })

  test("that refuses is quoted in the log", async () => {
    const relay = await fakeRelay({ refuse: () => ({ cause: "NotRegistered", message: "list the key of edge-1" }) })
    const { lines, stop } = await startAgent(relay, [await fakeAuthProxy()])
    expect(await relay.refusals.next()).toBe("NotRegistered")
    await relay.refusals.next()
    await stop()
    expect(lines.some((line) => line.includes("NotRegistered") && line.includes("list the key of edge-1"))).toBe(true)
  })

  test("that loses its connections finds the agent again", async () => {
    const relay = await fakeRelay()
    await startAgent(relay, [await fakeAuthProxy()])
    await relay.sessions.next()
    relay.cut()
    expect((await relay.sessions.next()).hello.cluster).toBe("edge-1")
  })
})

describe("an agent that ends", () => {
  test("says draining, moves its carriers (4001), closes everything and leaves no secret in its log", async () => {
    const [relay, authProxy] = [await fakeRelay(), await fakeAuthProxy()]
    const { stop, lines, files } = await startAgent(relay, [authProxy])
    const session = await relay.sessions.next()
    const joined = relay.dial(session)
    const inner = await authProxy.carriers.next()
    const outer = half(await joined)
    outer.socket.send(Buffer.from("joined"))
    await inner.messages.next()
    const draining = session.messages.until(({ type }) => type === "draining")
    await stop()
    await draining
    expect(await Promise.all([outer.closed, inner.closed])).toEqual([closeCode.moved, closeCode.moved])
    expect((await session.closed).code).toBe(closeCode.moved)
    const logged = lines.join("\n")
    expect(logged).toContain("carrier joined")
    for (const secret of [session.secret, "PRIVATE KEY", session.hello.signature]) expect(logged).not.toContain(secret)
    expect(logged).not.toContain(files.material.signedDocument)
  })
})
