import { mustRun, runProgram } from "../cluster/process/runProgram.ts"

/** A network namespace for the user's side, whose address can change. */
export interface UserNetwork {
  /** Starts a command in it. */
  readonly within: readonly string[]
  /** The next address takes the present one's place; connections from the old one are dead and nobody is told. */
  changeAddress(): Promise<void>
  stop(): Promise<void>
}

export const createUserNetwork = async (): Promise<UserNetwork> => {
  const id = process.pid % 250
  const name = `clusterconnect-user-${id}`
  const outside = `ccu${id}-outside`
  const network = `10.97.${id}`
  let last = 2
  const remove = async () => {
    await runProgram("ip", ["link", "delete", outside])
    await runProgram("ip", ["netns", "delete", name])
  }
  await remove()
  await mustRun("ip", ["netns", "add", name])
  await mustRun("ip", ["link", "add", outside, "type", "veth", "peer", "name", "uplink", "netns", name])
  await mustRun("ip", ["address", "add", `${network}.1/24`, "dev", outside])
  await mustRun("ip", ["link", "set", outside, "up"])
  const inside = (...lines: readonly string[]) =>
    mustRun("ip", ["-netns", name, "-batch", "-"], { input: `${lines.join("\n")}\n` })
  await inside(
    "link set lo up",
    `address add ${network}.${last}/24 dev uplink`,
    "link set uplink up",
    `route add default via ${network}.1`,
  )
  return {
    within: ["nsenter", `--net=/run/netns/${name}`, "--"],
    async changeAddress() {
      const before = last
      last += 1
      await inside(
        `address delete ${network}.${before}/24 dev uplink`,
        `address add ${network}.${last}/24 dev uplink`,
        `route replace default via ${network}.1`,
      )
    },
    stop: remove,
  }
}
