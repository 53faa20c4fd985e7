import { randomBytes } from "node:crypto"
import { join } from "node:path"
import type { Directories } from "../directories.ts"
import { LocalFailure } from "../failures.ts"

/** Beyond these the kernel has no room for a socket's name (sun_path of unix(7) without its final NUL; 104 bytes on BSD and macOS). */
const maxSocketPathBytes = (platform: NodeJS.Platform) => (platform === "linux" ? 107 : 103)

const namePattern = /^(\d+)-[0-9a-f]{16}$/

/** Where one running proxy is asked: a Unix socket, or on Windows a pipe whose name only this user can read in the folder. */
export interface ControlPlace {
  /** The file that says the proxy is there. */
  readonly file: string
  /** What is connected to. */
  readonly address: string
  /** From the file's name, for people alone: a process is never known by it. */
  readonly pid: number
}

/** The folder (0700) with one file for each running proxy. */
export const runningFolder = ({ state }: Directories): string => join(state, "running")

export const newControlName = (pid: number): string => `${pid}-${randomBytes(8).toString("hex")}`

/** The place of this name; undefined when no proxy would be called so. */
export const controlPlace = (
  folder: string,
  name: string,
  platform: NodeJS.Platform = process.platform,
): ControlPlace | undefined => {
  const pid = namePattern.exec(name)?.[1]
  if (pid === undefined) return undefined
  const file = join(folder, name)
  return { file, address: platform === "win32" ? `\\\\.\\pipe\\clusterconnect-${name}` : file, pid: Number(pid) }
}

/** @throws {LocalFailure} when the system cannot have a socket of that name */
export const checkSocketPath = (path: string, platform: NodeJS.Platform = process.platform): void => {
  const most = maxSocketPathBytes(platform)
  const bytes = Buffer.byteLength(path)
  if (platform === "win32" || bytes <= most) return
  throw new LocalFailure({
    detail: `${path} is ${bytes} bytes long, and a socket's path can have ${most}: name a shorter place for the state with XDG_STATE_HOME or HOME, for this command and for every other that shall find the proxy`,
  })
}
