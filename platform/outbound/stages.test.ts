import { describe, expect, test } from "bun:test"
import * as net from "node:net"
import { connectProxy } from "../fixtures/connectProxy.ts"
import { outboundBench, rejection } from "../fixtures/outboundBench.ts"
import { connectWebSocket, Unreachable } from "../outbound.ts"

const bench = outboundBench()
const { trusting, throughProxy } = bench

describe("the stage that failed", () => {
  const stage = async (url: string, options: Parameters<typeof connectWebSocket>[1]) => {
    const error = await rejection(connectWebSocket(url, options))
    expect(error).toBeInstanceOf(Unreachable)
    return error as Unreachable
  }

  test("is dns for a name that does not resolve", async () => {
    expect((await stage("wss://nothing.invalid/", {})).stage).toBe("dns")
  })

  test("is tcp where nobody listens", async () => {
    const taken = net.createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
    const free = (taken.address() as net.AddressInfo).port
    await new Promise((resolve) => taken.close(resolve))
    expect((await stage(`wss://127.0.0.1:${free}/`, {})).stage).toBe("tcp")
  })

  test("is tls for an authority that is not trusted, and says how to trust it", async () => {
    const error = await stage(`wss://localhost:${bench.port}/open`, {})
    expect(error).toMatchObject({ stage: "tls", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" })
    expect(error.message).toContain("CA file")
  })

  test("is tls for a certificate of another name", async () => {
    const error = await stage("wss://other.test/open", { ca: trusting(), proxy: throughProxy() })
    expect(error).toMatchObject({ stage: "tls", code: "ERR_TLS_CERT_ALTNAME_INVALID" })
  })

  test("is tls also where the environment switches verification off", async () => {
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"
    try {
      expect((await stage(`wss://localhost:${bench.port}/open`, {})).stage).toBe("tls")
    } finally {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
    }
  })

  test("is tls where the handshake hangs or is cut", async () => {
    const cutting = net.createServer((socket) => socket.on("error", () => {}).once("data", () => socket.destroy()))
    const silent = net.createServer((socket) => void socket.on("error", () => {}).resume())
    for (const [server, code] of [
      [cutting, "ECONNRESET"],
      [silent, "ETIMEDOUT"],
    ] as const) {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const at = (server.address() as net.AddressInfo).port
      const error = await stage(`wss://localhost:${at}/`, { handshakeTimeoutMillis: 800 })
      expect(error).toMatchObject({ stage: "tls", code })
      await new Promise((resolve) => server.close(resolve))
    }
  })

  test("is http for an answer that is not HTTP", async () => {
    expect((await stage(`wss://localhost:${bench.port}/garbage`, { ca: trusting() })).stage).toBe("http")
  })

  test("is proxy when the proxy wants other credentials, and does not show them", async () => {
    const error = await stage("wss://relay.test/", {
      ca: trusting(),
      proxy: { httpsProxy: `http://me:hunter2@localhost:${bench.proxy.port}` },
    })
    expect(error).toMatchObject({ stage: "proxy", code: "PROXY_407" })
    expect(error.message).not.toContain("hunter2")
  })

  test("is proxy when the proxy cannot be reached, refuses, or says nothing", async () => {
    expect((await stage("wss://relay.test/", { proxy: { httpsProxy: "http://nothing.invalid:1" } })).stage).toBe(
      "proxy",
    )
    const refusing = await connectProxy({
      route: (target) => (target.startsWith("silent") ? "silent" : { status: 403 }),
    })
    const through = { proxy: { httpsProxy: refusing.url }, handshakeTimeoutMillis: 800 }
    expect(await stage("wss://relay.test/", through)).toMatchObject({ stage: "proxy", code: "PROXY_403" })
    expect(await stage("wss://silent.test/", through)).toMatchObject({ stage: "proxy", code: "ETIMEDOUT" })
    // Neither the attempt nor what was opened to find its stage stays.
    await refusing.idle()
    await refusing.close()
  })

  test("is proxy for a TLS proxy whose certificate is not trusted", async () => {
    const secure = await connectProxy({ tls: bench.leaf, route: () => ({ port: bench.port }) })
    expect((await stage("wss://relay.test/", { proxy: { httpsProxy: secure.url } })).stage).toBe("proxy")
    expect(secure.asked).toEqual([])
    await secure.close()
  })
})
