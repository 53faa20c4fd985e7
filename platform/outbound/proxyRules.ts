import { BlockList, isIP } from "node:net"
import { OutboundInvalid } from "./failures.ts"

/** Which HTTP proxy carries what, as in the environment variables of the same names. */
export interface ProxySettings {
  readonly httpProxy?: string | undefined
  readonly httpsProxy?: string | undefined
  readonly noProxy?: string | undefined
}

/** Reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY or their lower-case names; the upper-case one wins, an empty one counts as unset. */
export function proxySettings(env: Readonly<Record<string, string | undefined>>): ProxySettings {
  const read = (name: string) => env[name] || env[name.toLowerCase()] || undefined
  return { httpProxy: read("HTTP_PROXY"), httpsProxy: read("HTTPS_PROXY"), noProxy: read("NO_PROXY") }
}

/**
 * The proxy for a URL (http, https, ws, wss) or undefined for a direct connection, decided by the rules of Go's
 * golang.org/x/net/http/httpproxy, which kubectl and helm use too. One difference: an unusable proxy setting throws
 * {@link OutboundInvalid} where Go ignores it, because ignoring sends traffic around the proxy.
 */
export function proxyFor(url: URL, settings: ProxySettings): URL | undefined {
  const secure = url.protocol === "https:" || url.protocol === "wss:"
  const setting = secure ? settings.httpsProxy : settings.httpProxy
  if (!setting) return undefined
  const host = bareHost(url.hostname)
  const port = url.port || (secure ? "443" : "80")
  return excluded(host, port, settings.noProxy ?? "") ? undefined : proxyUrl(setting, secure)
}

function proxyUrl(setting: string, secure: boolean): URL {
  const name = secure ? "HTTPS_PROXY" : "HTTP_PROXY"
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(setting) ? setting : `http://${setting}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url?.hostname)
    throw new OutboundInvalid({ setting: name, detail: "expected http://[user:password@]host[:port]" })
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new OutboundInvalid({ setting: name, detail: `scheme ${url.protocol} is not supported; use http or https` })
  }
  return url
}

function excluded(host: string, port: string, noProxy: string): boolean {
  if (host === "localhost" || isLoopback(host)) return true
  return noProxy
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== "" && matches(entry, host, port))
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true
  const network = parseNetwork(entry)
  if (network) return isIP(host) !== 0 && network.check(host, family(host))
  const [name, entryPort] = splitPort(entry)
  if (name === "" || (entryPort !== undefined && entryPort !== port)) return false
  if (isIP(name)) return isIP(host) !== 0 && sameAddress(name, host)
  const pattern = name.startsWith("*.") ? name.slice(1) : name
  return pattern.startsWith(".")
    ? host.endsWith(ascii(pattern))
    : host === ascii(pattern) || host.endsWith(`.${ascii(pattern)}`)
}

/** As net.SplitHostPort: an IPv6 address without brackets is a host, not a host and a port. */
function splitPort(entry: string): [name: string, port: string | undefined] {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(entry)
  if (bracketed) return [bracketed[1] ?? "", bracketed[2]]
  const colon = entry.indexOf(":")
  if (colon === -1 || colon !== entry.lastIndexOf(":")) return [entry, undefined]
  return [entry.slice(0, colon), entry.slice(colon + 1)]
}

function parseNetwork(entry: string): BlockList | undefined {
  const [address = "", prefix = "", ...rest] = entry.split("/")
  const kind = isIP(address)
  if (rest.length > 0 || kind === 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > (kind === 4 ? 32 : 128))
    return undefined
  const list = new BlockList()
  list.addSubnet(address, Number(prefix), family(address))
  return list
}

function sameAddress(a: string, b: string): boolean {
  const list = new BlockList()
  list.addAddress(a, family(a))
  return list.check(b, family(b))
}

const loopback = new BlockList()
loopback.addSubnet("127.0.0.0", 8, "ipv4")
loopback.addAddress("::1", "ipv6")

function isLoopback(host: string): boolean {
  return isIP(host) !== 0 && loopback.check(host, family(host))
}

function family(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4"
}

function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "").toLowerCase()
}

/** URL gives hosts in their ASCII form (IDNA), so an entry is compared in that form too. */
function ascii(name: string): string {
  const dot = name.startsWith(".") ? "." : ""
  const plain = name.slice(dot.length)
  return URL.canParse(`http://${plain}`) ? dot + new URL(`http://${plain}`).hostname : name
}
