import { isIPv6 } from "node:net"

/**
 * What counts as one peer where something is limited per address: an IPv4 address, also in IPv6 clothes, or the /64 of an IPv6
 * address, because whoever has one address of a /64 has 2^64 of them (RFC 6177).
 */
export const addressBlock = (address: string): string => {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [plain = ""] = address.split("%")
  if (!isIPv6(plain)) return address
  const [head = "", tail] = plain.split("::")
  const before = head === "" ? [] : head.split(":")
  if (tail === undefined) return block(before)
  // A dotted tail stands for two groups; the first four are what counts, so it need not be taken apart.
  const after = tail === "" ? [] : tail.split(":")
  const groups = after.length + (tail.includes(".") ? 1 : 0)
  return block([...before, ...Array<string>(Math.max(0, 8 - before.length - groups)).fill("0"), ...after])
}

const block = (groups: readonly string[]): string =>
  `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`
