import { describe, expect, test } from "bun:test"
import { AuthProxies, byPreference } from "./AuthProxies.ts"

const clock = { at: 0 }
const now = () => clock.at

/** A name server that is asked for what it knows, or is down. */
const nameServer = () => {
  const server = {
    asked: 0,
    names: {} as Record<string, readonly string[]>,
    down: false,
    lookup: async (host: string) => {
      server.asked += 1
      const found = server.names[host]
      if (server.down || found === undefined) throw new Error("SERVFAIL")
      return found
    },
  }
  return server
}

describe("the addresses of auth proxies", () => {
  test("are all that the names have, and addresses as they are, each once", async () => {
    const server = nameServer()
    server.names = { "auth.svc": ["10.0.0.1", "10.0.0.2", "fd00::1"] }
    const targets = [
      { host: "auth.svc", port: 8443 },
      { host: "10.0.0.1", port: 8443 },
      { host: "::1", port: 9000 },
    ]
    expect(await new AuthProxies(targets, server.lookup, now).addresses()).toEqual([
      "10.0.0.1:8443",
      "10.0.0.2:8443",
      "[fd00::1]:8443",
      "[::1]:9000",
    ])
  })

  test("are looked up once a second at most, also by dials at once", async () => {
    const server = nameServer()
    server.names = { a: ["10.0.0.1"] }
    const proxies = new AuthProxies([{ host: "a", port: 1 }], server.lookup, now)
    await Promise.all([proxies.addresses(), proxies.addresses(), proxies.addresses()])
    clock.at += 999
    await proxies.addresses()
    expect(server.asked).toBe(1)
    clock.at += 1
    server.names = { a: ["10.0.0.2"] }
    expect(await proxies.addresses()).toEqual(["10.0.0.2:1"])
  })

  test("stay known while the name server is down; a name that never resolved has none", async () => {
    const server = nameServer()
    server.names = { a: ["10.0.0.1"] }
    const proxies = new AuthProxies([{ host: "a", port: 1 }], server.lookup, now)
    await proxies.addresses()
    server.down = true
    clock.at += 3_600_000
    expect(await proxies.addresses()).toEqual(["10.0.0.1:1"])
    expect(await new AuthProxies([{ host: "b", port: 1 }], server.lookup, now).addresses()).toEqual([])
  })
})

describe("for a new stream", () => {
  test("the auth proxy with the fewest carriers comes first", () => {
    const load: Record<string, number> = { a: 2, b: 0, c: 1 }
    expect(
      byPreference(
        ["a", "b", "c"],
        (address) => load[address] ?? 0,
        () => false,
        () => 0,
      ),
    ).toEqual(["b", "c", "a"])
  })
  test("the order among equals is drawn, so that agents spread over them", () => {
    const draws = [0.9, 0.1, 0.5]
    expect(
      byPreference(
        ["a", "b", "c"],
        () => 0,
        () => false,
        () => draws.shift() ?? 0,
      ),
    ).toEqual(["b", "c", "a"])
  })
  test("one that failed a moment ago comes last, whatever it carries", () => {
    const load: Record<string, number> = { a: 2, b: 0, c: 1 }
    expect(
      byPreference(
        ["a", "b", "c"],
        (address) => load[address] ?? 0,
        (address) => address === "b",
        () => 0,
      ),
    ).toEqual(["c", "a", "b"])
  })
})
