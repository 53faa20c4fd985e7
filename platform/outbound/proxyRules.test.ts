import { describe, expect, test } from "bun:test"
import { OutboundInvalid } from "./failures.ts"
import { proxyFor, proxySettings } from "./proxyRules.ts"

const proxy = (url: string, noProxy = "") =>
  proxyFor(new URL(url), { httpProxy: "plain:3128", httpsProxy: "http://secure:3128", noProxy })?.host

describe("which proxy carries a URL", () => {
  test.each([
    ["https://relay.example", "secure:3128"],
    ["wss://relay.example", "secure:3128"],
    ["http://relay.example", "plain:3128"],
    ["ws://relay.example", "plain:3128"],
  ])("%s goes through the proxy of its scheme", (url, expected) => expect(proxy(url)).toBe(expected))

  test.each([
    "https://localhost:6443",
    "https://LOCALHOST",
    "https://127.0.0.1",
    "https://127.9.9.9:1",
    "https://[::1]:6443",
  ])("%s is loopback and never proxied", (url) => expect(proxy(url)).toBeUndefined())

  test("without a setting for the scheme the connection is direct", () => {
    expect(proxyFor(new URL("https://a.example"), { httpProxy: "http://p:1" })).toBeUndefined()
  })

  test.each([
    ["example.com", "https://example.com", true],
    ["example.com", "https://a.b.example.com", true],
    ["example.com", "https://badexample.com", false],
    [".example.com", "https://a.example.com", true],
    [".example.com", "https://example.com", false],
    ["*.example.com", "https://a.example.com", true],
    ["*.example.com", "https://example.com", false],
    ["example.com:8443", "https://example.com:8443", true],
    ["example.com:8443", "https://example.com", false],
    ["example.com:443", "https://example.com", true],
    ["EXAMPLE.com", "https://example.COM", true],
    ["*", "https://anything.example", true],
    ["other.example, example.com ,", "https://example.com", true],
    ["10.0.0.0/8", "https://10.96.0.1", true],
    ["10.0.0.0/8", "https://11.96.0.1", false],
    ["10.0.0.0/8", "https://10.example", false],
    ["10.96.0.1", "https://10.96.0.1:6443", true],
    ["10.96.0.1:6443", "https://10.96.0.1:6443", true],
    ["10.96.0.1:6443", "https://10.96.0.1", false],
    ["fd00::/8", "https://[fd12::1]", true],
    ["fd00::/8", "https://[fe80::1]", false],
    ["[fd12::1]:6443", "https://[fd12::1]:6443", true],
    ["fd12:0:0::1", "https://[fd12::1]", true],
    ["10.0.0.0/33", "https://10.96.0.1", false],
    [":8443", "https://example.com:8443", false],
    ["bücher.example", "https://xn--bcher-kva.example", true],
  ])("NO_PROXY %p for %s: excluded is %p", (noProxy, url, excluded) => {
    expect(proxy(url, noProxy)).toBe(excluded ? undefined : "secure:3128")
  })
})

test("the environment's upper-case names win over the lower-case ones, and an empty value counts as unset", () => {
  const env = { HTTPS_PROXY: "", https_proxy: "lower:1", HTTP_PROXY: "upper:1", http_proxy: "lower:2", no_proxy: "a" }
  expect(proxySettings(env)).toEqual({ httpsProxy: "lower:1", httpProxy: "upper:1", noProxy: "a" })
})

test("credentials of a proxy URL are kept", () => {
  const found = proxyFor(new URL("https://a.example"), { httpsProxy: "http://me:p%40ss@proxy:3128" })
  expect([found?.username, found?.password]).toEqual(["me", "p%40ss"])
})

test.each(["socks5://proxy:1080", "http://", "ht tp://proxy"])(
  "the unusable proxy setting %p is refused, not ignored",
  (setting) => {
    expect(() => proxyFor(new URL("https://a.example"), { httpsProxy: setting })).toThrow(OutboundInvalid)
  },
)

test("a refused proxy setting is not quoted, for it may hold a password", () => {
  expect(() => proxyFor(new URL("https://a.example"), { httpsProxy: "socks5://me:hunter2@proxy:1" })).not.toThrow(
    /hunter2/,
  )
})
