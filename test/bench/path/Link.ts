import { type ChildProcess, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { mustRun, runProgram } from "../../cluster/process/runProgram.ts"
import { cacheDirectory } from "../../cluster/programs/cacheDirectory.ts"

export interface LinkOptions {
  readonly rttMillis: number
  /** Share of packets lost in each direction. */
  readonly loss: number
  readonly mbitPerSecond: number
  readonly congestionControl?: "cubic" | "bbr"
  readonly seed?: number
}

/** A namespace at the far end of a link. */
export interface Link {
  readonly near: string
  readonly far: string
  /** Starts a command in the far namespace. */
  readonly within: readonly string[]
  stop(): Promise<void>
}

/** Two TUN devices joined by link.c: netem is missing in many kernels. Needs root, gcc and /dev/net/tun. */
export const createLink = async (options: LinkOptions): Promise<Link> => {
  const { rttMillis, loss, mbitPerSecond, congestionControl = "cubic", seed = 1 } = options
  const id = process.pid % 250
  const name = `clusterconnect-far-${id}`
  const [nearDevice, farDevice] = [`ccl${id}-near`, `ccl${id}-far`]
  const [near, far] = [`10.98.${id}.1`, `10.98.${id}.2`]
  const program = await built()
  await runProgram("ip", ["netns", "delete", name])
  await mustRun("ip", ["netns", "add", name])
  // Twice the product of bandwidth and delay, as routers are built, and never less than 100 packets.
  const queueBytes = Math.max(150_000, Math.round((mbitPerSecond * 1e6 * rttMillis) / 8_000) * 2)
  const child: ChildProcess = spawn(
    program,
    [
      nearDevice,
      farDevice,
      `/run/netns/${name}`,
      `${rttMillis * 500}`,
      `${loss * 1e6}`,
      `${mbitPerSecond * 1e6}`,
      `${queueBytes}`,
      `${seed}`,
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  )
  await once(child.stdout!, "data")
  await mustRun("ip", ["-batch", "-"], {
    input: `address add ${near}/30 dev ${nearDevice}\nlink set ${nearDevice} up\n`,
  })
  await mustRun("ip", ["-netns", name, "-batch", "-"], {
    input: `link set lo up\naddress add ${far}/30 dev ${farDevice}\nlink set ${farDevice} up\nroute add default via ${near}\n`,
  })
  const control = "/proc/sys/net/ipv4/tcp_congestion_control"
  const before = (await mustRun("cat", [control])).trim()
  const set = (value: string) => `echo ${value} > ${control}`
  await mustRun("sh", ["-c", set(congestionControl)])
  await mustRun("ip", ["netns", "exec", name, "sh", "-c", set(congestionControl)])
  return {
    near,
    far,
    within: ["nsenter", `--net=/run/netns/${name}`, "--"],
    async stop() {
      await mustRun("sh", ["-c", set(before)])
      const ended = once(child, "exit")
      child.stdin?.end()
      await ended
      await runProgram("ip", ["netns", "delete", name])
    },
  }
}

const built = async (): Promise<string> => {
  const source = join(import.meta.dir, "link.c")
  const folder = join(
    cacheDirectory(),
    `link-${createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 16)}`,
  )
  const program = join(folder, "link")
  if (existsSync(program)) return program
  mkdirSync(folder, { recursive: true })
  await mustRun("gcc", ["-O2", "-Wall", "-o", program, source])
  return program
}
