import { describe, expect, test } from "bun:test"
import { closed, GET, listenerBench, received } from "../fixtures/listenerBench.ts"

const bench = listenerBench()
const { listening, plain, reported, secure } = bench

describe("the limit for those who have not authenticated", () => {
  test("refuses the next connection, and not one more when somebody has shown who it is", async () => {
    const listener = await listening({
      admission: { maxUnauthenticated: 2 },
      onRequest: (request, response) => {
        listener.authenticated(request.socket)
        response.end("welcome")
      },
    })
    const [first] = [await secure(listener), await secure(listener)]
    await closed(plain(listener))
    expect(await reported("refused")).toMatchObject([{ limit: "unauthenticated" }])
    first.write(GET)
    await received(first, "welcome")
    expect(listener.statistics()).toMatchObject({ connections: 2, unauthenticated: 1 })
    await secure(listener)
  })

  test("is given back when a socket closes", async () => {
    const listener = await listening({ admission: { maxUnauthenticated: 1 }, handshakeTimeoutMillis: 30 })
    await closed(plain(listener))
    await reported("handshakeFailed")
    await secure(listener)
  })

  test("comes with a shorter idle time, which ends when the peer has shown who it is", async () => {
    const limits = { idleTimeoutMillis: 60_000, unauthenticatedIdleMillis: 30 }
    const listener = await listening({
      limits,
      onRequest: (request, response) => {
        if (request.url === "/a") listener.authenticated(request.socket)
        response.end("answered")
      },
    })
    const known = await secure(listener)
    known.write(GET)
    await received(known, "answered")
    const unknown = await secure(listener)
    unknown.write(GET.replace("/a", "/livez"))
    await closed(unknown)
    await closed(await secure(listener))
    known.write(GET)
    expect(await received(known, "answered")).toContain("200 OK")
  })

  test("does not exist on a port that authenticates nobody", async () => {
    const admission = { maxUnauthenticated: 1, maxUnauthenticatedPerAddress: 1 }
    const listener = await listening({ authenticates: false, admission })
    await secure(listener)
    await secure(listener)
    expect(listener.statistics().connections).toBe(2)
  })

  test("exists per address too, and for all connections together", async () => {
    const perAddress = await listening({ admission: { maxUnauthenticatedPerAddress: 1 } })
    await secure(perAddress)
    await closed(plain(perAddress))
    const all = await listening({ admission: { maxConnections: 1 } })
    await secure(all)
    await closed(plain(all))
    expect(await reported("refused", 2)).toMatchObject([
      { limit: "unauthenticatedPerAddress" },
      { limit: "connections" },
    ])
  })
})
