import { randomBytes } from "node:crypto"
import { join } from "node:path"
import type { Directories } from "../directories.ts"
import { LocalFailure } from "../failures.ts"
import { type HostMark, thisHost } from "./thisHost.ts"

/** Beyond these the kernel has no room for a socket's name (sun_path of unix(7) without its final NUL; 104 bytes on BSD and macOS). */
const maxSocketPathBytes = (platform: NodeJS.Platform) => (platform === "linux" ? 107 : 103)

/** PID-HOST[BOOT][-ENTRY]-RANDOM: short, because a socket's path is. */
const namePattern = /^(\d+)-([0-9a-f]{4})([0-9a-f]{4})?(?:-([0-9a-f]{6}))?-([0-9a-f]{8})$/

/** Where one running proxy is asked: a Unix socket, or on Windows a pipe whose name only this user can read in the folder. */
export interface ControlPlace {
  /** The file that says the proxy is there. */
  readonly file: string
  /** What is connected to. */
  readonly address: string
  /** From the file's name, for people alone: a process is never known by it. */
  readonly pid: number
  /** The machine that it runs on. */
  readonly mark: HostMark
  /** Of a proxy that a kubeconfig's plugin started: the beginning of the entry's hash. Others may have the same. */
  readonly entry: string | undefined
}

/** As much of an entry's hash as stands in the name: enough to ask few others. */
export const entryInName = (hash: string): string => hash.slice(0, 6)

/** The folder (0700) with one file for each running proxy. */
export const runningFolder = ({ state }: Directories): string => join(state, "running")

export const newControlName = (pid: number, entry?: string, { host, boot }: HostMark = thisHost): string => {
  const ofEntry = entry === undefined ? [] : [entryInName(entry)]
  return [pid, `${host}${boot}`, ...ofEntry, randomBytes(4).toString("hex")].join("-")
}

/** The place of this name; undefined when no proxy would be called so. */
export const controlPlace = (
  folder: string,
  name: string,
  platform: NodeJS.Platform = process.platform,
): ControlPlace | undefined => {
  const [, pid, host = "", boot = "", entry] = namePattern.exec(name) ?? []
  if (pid === undefined) return undefined
  const file = join(folder, name)
  const address = platform === "win32" ? `\\\\.\\pipe\\clusterconnect-${name}` : file
  return { file, address, pid: Number(pid), mark: { host, boot }, entry }
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
