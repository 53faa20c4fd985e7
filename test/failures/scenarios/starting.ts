import { expect, test } from "bun:test"
import net from "node:net"
import type { World } from "../../world/World.ts"
import { audiences, refusedStart, token } from "../Adversity.ts"

const exit = { usage: 2, notAuthenticated: 3, refusedByPolicy: 4, unreachable: 5 } as const

/** What a person reads when `clusterconnect proxy` cannot start. */
export const starting = (world: () => World): void => {
  test("without a token the start says which flag gives one", async () => {
    for (const without of ["--token-file", "--relay-token-file"]) {
      const { code, lines } = await refusedStart(world(), { without })
      expect([code, lines[0]]).toEqual([exit.usage, expect.stringContaining(without)])
    }
  })
  test("with an expired token the start says which one and to get a new one", async () => {
    const past = (audience: string) => token(world(), { audience, expiresInSeconds: -3600 })
    const { relay, cluster } = audiences(world())
    for (const [circumstances, said] of [
      [{ clusterToken: await past(cluster) }, /the cluster token expired at .*: get a new one/],
      [{ relayToken: await past(relay) }, /the relay token expired at .*: get a new one/],
    ] as const) {
      const { code, lines } = await refusedStart(world(), circumstances)
      expect([code, lines[0]]).toEqual([exit.notAuthenticated, expect.stringMatching(said)])
    }
  })
  test("with a token that is no token the start says so", async () => {
    const { code, lines } = await refusedStart(world(), { clusterToken: "not-a-token" })
    expect([code, lines[0]]).toEqual([exit.notAuthenticated, expect.stringContaining("is not a JWT")])
  })
  test("with a cluster token for somebody else the start says whose it should be", async () => {
    const { code, lines } = await refusedStart(world(), {
      clusterToken: await token(world(), { audience: "somebody-else" }),
    })
    expect([code, lines[0]]).toEqual([exit.notAuthenticated, expect.stringMatching(/audience/)])
  })
  test("with a relay token for somebody else nothing is sent", async () => {
    const { code, lines } = await refusedStart(world(), {
      relayToken: await token(world(), { audience: "somebody-else" }),
    })
    expect([code, lines[0]]).toEqual([exit.notAuthenticated, expect.stringContaining("It was not sent")])
  })
  test("an unknown and a forbidden cluster are refused alike, with whom to ask", async () => {
    const { code, lines } = await refusedStart(world(), { cluster: "nowhere" })
    expect([code, lines[0]]).toEqual([exit.refusedByPolicy, expect.stringMatching(/administrator/)])
  })
  test("another identity than the pinned one is refused in words that nobody overlooks", async () => {
    const { code, lines } = await refusedStart(world(), { pin: `sha256:${"0".repeat(64)}` })
    expect([code, lines[0]]).toEqual([exit.refusedByPolicy, expect.stringContaining("HAS CHANGED")])
  })
  test("a relay that is gone, or that accepts and says nothing, is named with what to check", async () => {
    const mute = net.createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => mute.once("listening", resolve))
    const { port } = mute.address() as net.AddressInfo
    const relayUrl = `https://127.0.0.1:${port}`
    const relayToken = await token(world(), { audience: `clusterconnect:127.0.0.1:${port}` })
    const sockets: net.Socket[] = []
    mute.on("connection", (socket) => sockets.push(socket))
    const silent = await refusedStart(world(), { relayUrl, relayToken })
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => mute.close(resolve))
    const gone = await refusedStart(world(), { relayUrl, relayToken })
    for (const { code, lines } of [silent, gone])
      expect([code, lines[0]]).toEqual([exit.unreachable, expect.stringContaining(`127.0.0.1:${port}`)])
  })
  test("a clock of the identity provider that is an hour behind or ahead is told by the token's times", async () => {
    const { identityProvider } = world()
    const { cluster } = audiences(world())
    // Many providers write nbf; a token without it is good as soon as it is there.
    const minted = async (seconds: number) => {
      identityProvider.shiftClock(seconds)
      const nbf = Math.floor(Date.now() / 1000) + seconds
      try {
        return await token(world(), { audience: cluster, expiresInSeconds: 1800 }, { nbf })
      } finally {
        identityProvider.shiftClock(0)
      }
    }
    const behind = await refusedStart(world(), { clusterToken: await minted(-3600) })
    expect([behind.code, behind.lines[0]]).toEqual([exit.notAuthenticated, expect.stringContaining("expired at")])
    const ahead = await refusedStart(world(), { clusterToken: await minted(3600) })
    expect([ahead.code, ahead.lines[0]]).toEqual([exit.notAuthenticated, expect.stringMatching(/clock/)])
  })
}
