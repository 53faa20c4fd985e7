import { BlockList, isIP } from "node:net"

/**
 * Addresses at which no identity provider lives, but what is private to a machine does: loopback, link-local (with
 * the clouds' metadata services at 169.254.169.254 and fd00:ec2::254), and the unspecified address, which connects to loopback.
 */
const machineOwn = new BlockList()
machineOwn.addSubnet("127.0.0.0", 8, "ipv4")
machineOwn.addSubnet("169.254.0.0", 16, "ipv4")
machineOwn.addSubnet("0.0.0.0", 8, "ipv4")
machineOwn.addAddress("::1", "ipv6")
machineOwn.addAddress("::", "ipv6")
machineOwn.addSubnet("fe80::", 10, "ipv6")
machineOwn.addAddress("fd00:ec2::254", "ipv6")

/** Whether an address (as a socket reports it, also IPv4 mapped into IPv6) belongs to the machine or link itself. False for names. */
export const isMachineOwnAddress = (address: string): boolean => {
  const bare = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "")
  const mapped = ipv4Inside(bare)
  if (mapped !== undefined) return machineOwn.check(mapped, "ipv4")
  const family = isIP(bare)
  return family !== 0 && machineOwn.check(bare, family === 4 ? "ipv4" : "ipv6")
}

/** The same for the host of a URL, where names that always mean loopback (RFC 6761 section 6.3) count too. */
export const isMachineOwnHost = (host: string): boolean =>
  isMachineOwnAddress(host) || /^(.+\.)?localhost\.?$/i.test(host)

/** The IPv4 address in ::ffff:a.b.c.d, ::a.b.c.d and 64:ff9b::a.b.c.d (RFC 4291, RFC 6052), however it is spelled. */
const ipv4Inside = (address: string): string | undefined => {
  if (isIP(address) !== 6) return undefined
  // The URL parser writes every spelling of an IPv6 address in one way, the last 32 bits in hexadecimal.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const match = /^(?:::ffff:|64:ff9b::|::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical)
  if (match === null) return undefined
  const [high, low] = [Number.parseInt(match[1] ?? "", 16), Number.parseInt(match[2] ?? "", 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join(".")
}
