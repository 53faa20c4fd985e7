import { describe, expect, test } from "bun:test"
import { closed, GET, listenerBench, received } from "../fixtures/listenerBench.ts"

const bench = listenerBench()
const { listening, plain, reported, secure } = bench

describe("a connection", () => {
  test("that does not finish its TLS handshake in time is closed and counted", async () => {
    const listener = await listening({ handshakeTimeoutMillis: 30 })
    await closed(plain(listener))
    expect(await reported("handshakeFailed")).toMatchObject([{ code: "HANDSHAKE_TIMEOUT" }])
    expect(listener.statistics()).toMatchObject({ handshaking: 0, connections: 0 })
  })

  test("that speaks no TLS is closed and counted", async () => {
    const listener = await listening()
    plain(listener).write(GET)
    expect((await reported("handshakeFailed"))[0]).toMatchObject({ code: "ERR_SSL_HTTP_REQUEST" })
  })

  test("that stops in the middle of a head is closed after the head's time", async () => {
    const listener = await listening({ limits: { headTimeoutMillis: 40 } })
    const socket = await secure(listener)
    socket.write("GET /a HTTP/1.1\r\nHo")
    await closed(socket)
    expect(await reported("ended")).toMatchObject([{ end: "headTimeout" }])
  })

  test("that sends its head one byte at a time is closed all the same", async () => {
    const listener = await listening({ limits: { headTimeoutMillis: 60 } })
    const socket = await secure(listener)
    const drip = setInterval(() => socket.write("a"), 5)
    socket.write("GET /a HTTP/1.1\r\nX: ")
    await closed(socket)
    clearInterval(drip)
    expect(await reported("ended")).toMatchObject([{ end: "headTimeout" }])
  })

  test("is held to the head's time at its second request too", async () => {
    const listener = await listening({ limits: { headTimeoutMillis: 40 } })
    const socket = await secure(listener)
    socket.write(GET)
    await received(socket, "GET /a")
    socket.write("GET /b HT")
    await closed(socket)
    expect(await reported("ended")).toMatchObject([{ end: "headTimeout" }])
  })

  test("is kept while idle up to the idle time, which is not the head's", async () => {
    const listener = await listening({ limits: { headTimeoutMillis: 20, idleTimeoutMillis: 150 } })
    const socket = await secure(listener)
    const started = performance.now()
    await closed(socket)
    expect(performance.now() - started).toBeGreaterThan(140)
    expect(await reported("ended")).toMatchObject([{ end: "idleTimeout" }])
  })

  test("has no time limit while its request is being served", async () => {
    const parked: (() => void)[] = []
    const idle = await listening({ limits: { headTimeoutMillis: 20, idleTimeoutMillis: 20 } })
    const listener = await listening({
      limits: { headTimeoutMillis: 20, idleTimeoutMillis: 20 },
      onRequest: (_request, response) => parked.push(() => response.end("late")),
    })
    const socket = await secure(listener)
    socket.write(GET)
    // Another listener's idle limit of the same length passes three times meanwhile.
    for (let round = 0; round < 3; round++) await closed(await secure(idle))
    for (const answer of parked) answer()
    expect(await received(socket, "late")).toContain("200 OK")
  })

  test("carries requests one after the other, and pipelined", async () => {
    const listener = await listening()
    const socket = await secure(listener)
    socket.write(GET + GET.replace("/a", "/b"))
    expect(await received(socket, "GET /b")).toMatch(/GET \/a[\s\S]*GET \/b/)
    expect(listener.statistics().connections).toBe(1)
  })

  test("in plain text is served where there are no certificate files", async () => {
    const listener = await listening({ plainText: true, onRequest: (_, response) => response.end("plain") })
    const socket = plain(listener)
    socket.write(GET)
    expect(await received(socket, "plain")).toContain("200 OK")
    expect(listener.certificate).toBeUndefined()
  })
})
