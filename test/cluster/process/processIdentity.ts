import { readFileSync } from "node:fs"
import { setTimeout as after } from "node:timers/promises"

/** A pid alone may be reused by a stranger; together with the kernel's start time it names one process until reboot. */
export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of /proc/PID/stat, in clock ticks since boot (proc_pid_stat(5)). */
  readonly startTicks: string
}

/** Processes that were killed, or should have ended, are still there. */
export class ProcessesRemain extends Error {
  override readonly name = "ProcessesRemain"
}

/** Names the current boot: pids and start times of another boot mean nothing. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
}

/** The process that has this pid now, zombies excepted; undefined when there is none. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  } catch {
    return undefined
  }
  // The program's name in parentheses may hold blanks and parentheses itself: fields count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const state = fields[0]
  const startTicks = fields[19]
  if (state === undefined || startTicks === undefined || state === "Z" || state === "X") return undefined
  return { pid, startTicks }
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.startTicks === identity.startTicks
}

/** Sends the signal if this very process still runs; returns whether it did. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false
  try {
    process.kill(identity.pid, signal)
    return true
  } catch {
    return false
  }
}

/** Killed processes leave the process table within milliseconds unless the kernel holds them in a device: then say so. */
const GONE_MILLIS = 10_000

/** Kills these processes and returns when none is left. */
export async function killProcesses(identities: readonly ProcessIdentity[]): Promise<void> {
  for (const identity of identities) signalProcess(identity, "SIGKILL")
  await whenEnded(identities)
}

/** Returns when none of these processes runs any more; throws ProcessesRemain when the time is over. */
export async function whenEnded(identities: readonly ProcessIdentity[], limitMillis = GONE_MILLIS): Promise<void> {
  const deadline = performance.now() + limitMillis
  for (;;) {
    const left = identities.filter(isRunning)
    if (left.length === 0) return
    if (performance.now() > deadline) {
      throw new ProcessesRemain(`processes ${left.map((one) => one.pid).join(", ")} do not end`)
    }
    await after(5)
  }
}
