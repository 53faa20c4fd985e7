import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { hostname } from "node:os"

/** What tells machines apart that share a home, and on Linux one start of their kernel from the next; both are hashes. */
export interface HostMark {
  readonly host: string
  /** Empty where the system has no name for it. */
  readonly boot: string
}

const short = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 4)

const content = (path: string): string => {
  try {
    return readFileSync(path, "utf8").trim()
  } catch {
    return ""
  }
}

const hostMark = (): HostMark => {
  if (process.platform !== "linux") return { host: short(hostname()), boot: "" }
  return {
    host: short(`${hostname()}\n${content("/etc/machine-id")}`),
    boot: short(content("/proc/sys/kernel/random/boot_id")),
  }
}

/** Containers have host names of their own: each is a host for itself, on a kernel that they share. */
export const thisHost: HostMark = hostMark()

/**
 * Whether a socket of this mark that refused a connection is a killed proxy's for certain. On Linux nobody listens there then, if it
 * is this kernel's; elsewhere a full queue refuses too, so that the process must be gone as well. Another host's says nothing here.
 */
export const surelyDead = (mark: HostMark, pid: number, here: HostMark = thisHost): boolean => {
  if (mark.host !== here.host) return false
  if (mark.boot !== here.boot) return true
  return here.boot !== "" || !exists(pid)
}

const exists = (pid: number): boolean => {
  try {
    // Asks whether it is there; nothing is sent.
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH"
  }
}
