import { describe, expect, test } from "bun:test"
import * as fc from "fast-check"
import {
  closeCode,
  clusterNamePattern,
  clusterServerName,
  defaultClusterAudience,
  defaultRelayAudience,
  path,
  relayHost,
  relayUrl,
  safeRelayUrl,
} from "./names.ts"

describe("the relay's URL", () => {
  test.each([
    ["https://relay.example.com", "https://relay.example.com"],
    ["https://relay.example.com/", "https://relay.example.com"],
    ["HTTPS://Relay.Example.COM:443", "https://relay.example.com"],
    ["https://relay.example.com:8443", "https://relay.example.com:8443"],
    ["http://127.0.0.1:80", "http://127.0.0.1"],
    ["https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"],
  ])("of %s is %s", (text, expected) => {
    expect(relayUrl(text)).toBe(expected)
    expect(relayUrl(relayUrl(text))).toBe(expected)
  })

  test.each([
    "relay.example.com",
    "",
    "wss://relay.example.com",
    "https://relay.example.com/path",
    "https://relay.example.com?a=b",
    "https://relay.example.com/#x",
    "https://user@relay.example.com",
    "https://:@",
  ])("is not %p", (text) => {
    expect(() => relayUrl(text)).toThrow(TypeError)
  })

  test("never puts a password into its error", () => {
    expect(() => relayUrl("https://user:hunter2secret@relay.example.com")).toThrow(/^(?!.*hunter2).*$/)
    expect(() => relayUrl("ftp://user:hunter2secret@x")).toThrow(/^(?!.*hunter2).*$/)
  })
})

describe("a relay that may be dialled with what is secret", () => {
  test.each([
    ["HTTPS://Relay.example.com:443", "https://relay.example.com"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["http://127.1.2.3", "http://127.1.2.3"],
    ["http://[::1]:8080/", "http://[::1]:8080"],
    ["http://LOCALHOST:8080", "http://localhost:8080"],
  ])("is %s", (text, expected) => expect(safeRelayUrl(text)).toBe(expected))

  test.each([
    "http://relay.example.com",
    "http://10.0.0.7:8080",
    "http://127.0.0.1.example.com",
    "http://localhost.example.com",
    "http://128.0.0.1",
    "http://[::2]",
  ])("is not %s, which would cross a network in plain text", (text) => {
    expect(() => safeRelayUrl(text)).toThrow("plain text")
  })

  test("is nothing that is no URL of a relay", () => {
    expect(() => safeRelayUrl("https://relay.example.com/path")).toThrow(TypeError)
  })
})

test.each([
  ["https://relay.example.com", "relay.example.com"],
  ["https://relay.example.com:8443", "relay.example.com:8443"],
  ["http://relay.example.com", "relay.example.com:80"],
  ["http://relay.example.com:443", "relay.example.com"],
  ["https://[2001:db8::1]:8443", "[2001:db8::1]:8443"],
])("the host of %s in audiences is %s", (relay, host) => {
  expect(relayHost(relay)).toBe(host)
  expect(defaultRelayAudience(relay)).toBe(`clusterconnect:${host}`)
  expect(defaultClusterAudience(relay, "edge-1")).toBe(`clusterconnect:${host}/edge-1`)
})

describe("cluster names", () => {
  test.each(["a", "1", "edge-1", "a".repeat(40), `a${"-".repeat(38)}z`])("may be %s", (name) => {
    expect(clusterNamePattern.test(name)).toBe(true)
  })
  test.each(["", "-a", "a-", "A", "a.b", "a_b", "a b", "a\n", "a".repeat(41), "ä"])("may not be %p", (name) => {
    expect(clusterNamePattern.test(name)).toBe(false)
  })
  test("that are allowed are one label of a DNS name and one segment of a path", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/), (name) => {
        expect(clusterServerName(name).split(".")).toEqual([name, "clusterconnect", "internal"])
        expect(new URL(path.stream(name), "https://relay").pathname).toBe(`/v1/clusters/${name}/stream`)
        expect(name.length).toBeLessThanOrEqual(63)
      }),
    )
  })
})

test("close codes are in the range that applications may use, and differ", () => {
  const codes = Object.values(closeCode)
  expect(codes.every((code) => code >= 4000 && code <= 4999)).toBe(true)
  expect(new Set<number>(codes).size).toBe(codes.length)
})
