import { mustRun, runProgram } from "../process/runProgram.ts"
import { type AddressRange, addressRange } from "./addressRange.ts"

/** The inside end of the veth pair. */
export const UPLINK = "uplink"

export function namespaceName(instance: number): string {
  return `clusterconnect-${instance}`
}

/** Interface names end at 15 bytes (IFNAMSIZ). */
function outsideInterface(instance: number): string {
  return `cc${instance}-outside`
}

/** A namespace with loopback and one way out: a veth pair whose outside end is the default route. */
export async function createNamespace(instance: number): Promise<AddressRange> {
  const range = addressRange(instance)
  const name = namespaceName(instance)
  const outside = outsideInterface(instance)
  await mustRun("ip", ["netns", "add", name])
  await mustRun("ip", ["link", "add", outside, "type", "veth", "peer", "name", UPLINK, "netns", name])
  await mustRun("ip", ["address", "add", `${range.outside}/${range.prefixLength}`, "dev", outside])
  await mustRun("ip", ["link", "set", outside, "up"])
  const batch = [
    "link set lo up",
    `address add ${range.inside}/${range.prefixLength} dev ${UPLINK}`,
    `link set ${UPLINK} up`,
    `route add default via ${range.outside}`,
  ]
  await mustRun("ip", ["-netns", name, "-batch", "-"], { input: `${batch.join("\n")}\n` })
  await mustRun("ip", ["netns", "exec", name, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
  return range
}

/** Pids (as this process sees them) of everything that runs in the namespace itself; pods have namespaces of their own. */
export async function namespacePids(instance: number): Promise<readonly number[]> {
  const { code, stdout } = await runProgram("ip", ["netns", "pids", namespaceName(instance)])
  return code === 0 ? stdout.split("\n").filter(Boolean).map(Number) : []
}

/** Removes both ends and the namespace; what is not there is no error. */
export async function deleteNamespace(instance: number): Promise<void> {
  await runProgram("ip", ["link", "delete", outsideInterface(instance)])
  const { stdout } = await runProgram("ip", ["netns", "list"])
  const exists = stdout.split("\n").some((line) => line.split(" ")[0] === namespaceName(instance))
  if (exists) await mustRun("ip", ["netns", "delete", namespaceName(instance)])
}
