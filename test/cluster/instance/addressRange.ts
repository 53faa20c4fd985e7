import { mustRun } from "../process/runProgram.ts"

/** No instance number is left; something forgot to stop its clusters, or a network of the machine covers 10.89.0.0/16. */
export class NoAddressRange extends Error {
  override readonly name = "NoAddressRange"
}

/** The third byte of 10.89.N.0/24. */
export const LAST_INSTANCE = 250

export interface AddressRange {
  readonly outside: string
  readonly inside: string
  readonly prefixLength: 24
}

export function addressRange(instance: number): AddressRange {
  return { outside: `10.89.${instance}.1`, inside: `10.89.${instance}.2`, prefixLength: 24 }
}

/** Lowest instance number that is neither taken nor inside a network that this machine already reaches. */
export function firstFree(taken: ReadonlySet<number>, reachable: readonly string[]): number {
  for (let instance = 1; instance <= LAST_INSTANCE; instance++) {
    if (taken.has(instance)) continue
    const range = `10.89.${instance}.0/24`
    if (!reachable.some((network) => overlap(network, range))) return instance
  }
  throw new NoAddressRange(
    `no free address range 10.89.1.0/24 to 10.89.${LAST_INSTANCE}.0/24: ${taken.size} clusters exist (see "bun run cluster status"), routes: ${reachable.join(", ")}`,
  )
}

/** IPv4 networks of the main routing table, the default route left out. */
export async function reachableNetworks(): Promise<readonly string[]> {
  const routes = JSON.parse(await mustRun("ip", ["-4", "-json", "route", "show"])) as { dst: string }[]
  return routes.map((route) => route.dst).filter((destination) => destination !== "default")
}

function overlap(a: string, b: string): boolean {
  const one = parse(a)
  const two = parse(b)
  const shorter = Math.min(one.length, two.length)
  const mask = shorter === 0 ? 0 : (0xffffffff << (32 - shorter)) >>> 0
  return (one.address & mask) >>> 0 === (two.address & mask) >>> 0
}

function parse(network: string): { readonly address: number; readonly length: number } {
  const [address = "", length = "32"] = network.split("/")
  const value = address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0)
  return { address: value >>> 0, length: Number(length) }
}
