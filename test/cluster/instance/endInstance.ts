import { readFileSync, rmSync } from "node:fs"
import { bootId, identityOf, killProcesses, signalProcess, whenEnded } from "../process/processIdentity.ts"
import { mustRun } from "../process/runProgram.ts"
import { INIT } from "./anchor.ts"
import { removeCgroups } from "./cgroups.ts"
import { instanceDirectory, isOrphan, listInstances, readRecord } from "./InstanceRecord.ts"
import { deleteNamespace, namespacePids } from "./networkNamespace.ts"

/** Something is mounted below an instance's directory, which is therefore not deleted. */
export class InstanceRemains extends Error {
  override readonly name = "InstanceRemains"
}

/** Removes everything of an instance, in whatever state it is; safe to repeat. */
export async function endInstance(instance: number): Promise<void> {
  const record = readRecord(instance)
  if (record !== undefined && record.bootId === bootId()) {
    // Process 1 first: with it goes all that it contains, and what waits for that (nsenter) can collect it and end.
    const inits = record.processes.filter(({ name }) => name === INIT)
    for (const init of inits) signalProcess(init, "SIGKILL")
    // An nsenter whose program was stopped stands still with it, and would never collect it.
    for (const waiting of record.processes) signalProcess(waiting, "SIGCONT")
    await whenEnded(inits)
    await killProcesses(record.processes)
  }
  // Programs of tests, and what was started after the record was last written.
  for (let pids = await namespacePids(instance); pids.length > 0; pids = await namespacePids(instance)) {
    await killProcesses(pids.map(identityOf).filter((identity) => identity !== undefined))
  }
  await removeCgroups(instance)
  await deleteNamespace(instance)
  const directory = instanceDirectory(instance)
  for (const mount of mountsBelow(directory, readFileSync("/proc/self/mountinfo", "utf8"))) {
    await mustRun("umount", [mount])
  }
  refuseMounted(directory, readFileSync("/proc/self/mountinfo", "utf8"))
  rmSync(directory, { recursive: true, force: true })
}

/** Ends every instance whose owner is gone; returns their numbers. */
export async function endOrphans(): Promise<readonly number[]> {
  const orphans = listInstances().filter((instance) => isOrphan(readRecord(instance)))
  for (const instance of orphans) await endInstance(instance)
  return orphans
}

/** Deleting through a mount would delete what is mounted. */
export function refuseMounted(directory: string, mountinfo: string): void {
  const left = mountsBelow(directory, mountinfo)
  if (left.length > 0) throw new InstanceRemains(`still mounted below ${directory}: ${left.join(", ")}`)
}

/** Mount points at or below the directory, innermost first (proc_pid_mountinfo(5): field 5, blanks as \\040). */
export function mountsBelow(directory: string, mountinfo: string): readonly string[] {
  return mountinfo
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .map((path) => path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))))
    .filter((path) => path === directory || path.startsWith(`${directory}/`))
    .reverse()
}
