import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { mustRun, runProgram } from "../cluster/process/runProgram.ts"

/** A machine that has no IPv4 but its own loopback: a network namespace with one IPv6 way to this one. */
export interface SixOnly {
  /** This machine's address as seen from it, without brackets. */
  readonly address: string
  /** The network that both are in. */
  readonly network: string
  /** A command that starts another one there; `hosts` is its /etc/hosts. */
  within(hosts?: string): readonly string[]
  stop(): Promise<void>
}

/** Whether one can be made here: the kernel has IPv6, which it lacks in many containers, and the user is root. */
export const canBeSixOnly =
  process.getuid?.() === 0 &&
  existsSync("/proc/net/if_inet6") &&
  readFileSync("/proc/net/if_inet6", "utf8").trim() !== ""

if (!canBeSixOnly) console.error("SKIPPED: IPv6 alone: the tests are not root, or this kernel has no IPv6")

export const createSixOnly = async (): Promise<SixOnly> => {
  const id = process.pid % 60_000
  const name = `clusterconnect-six-${id}`
  const outside = `cc6-${id}`
  // A unique local address (RFC 4193), another one in every process.
  const prefix = `fd97:cc:0:${id.toString(16)}`
  const remove = async () => {
    await runProgram("ip", ["link", "delete", outside])
    await runProgram("ip", ["netns", "delete", name])
  }
  await remove()
  await mustRun("ip", ["netns", "add", name])
  await mustRun("ip", ["link", "add", outside, "type", "veth", "peer", "name", "uplink", "netns", name])
  await mustRun("ip", ["address", "add", `${prefix}::1/64`, "dev", outside, "nodad"])
  await mustRun("ip", ["link", "set", outside, "up"])
  const inside = ["link set lo up", `address add ${prefix}::2/64 dev uplink nodad`, "link set uplink up"]
  await mustRun("ip", ["-netns", name, "-batch", "-"], { input: `${inside.join("\n")}\n` })
  const enter = ["nsenter", `--net=/run/netns/${name}`, "--"]
  return {
    address: `${prefix}::1`,
    network: `${prefix}::/64`,
    within: (hosts) =>
      hosts === undefined
        ? enter
        : ["unshare", "--mount", "--", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts, ...enter],
    stop: remove,
  }
}

/** A hosts file with one name, and loopback. */
export const writeHosts = (file: string, address: string, name: string): string => {
  writeFileSync(file, `127.0.0.1 localhost\n::1 localhost\n${address} ${name}\n`)
  return file
}
