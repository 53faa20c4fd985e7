import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bootId, isRunning, type ProcessIdentity } from "../process/processIdentity.ts"

/**
 * Where instances live: one place per machine, because namespaces and address ranges are per machine too.
 * Not below /var/lib, /var/log or /run: those are masked for the cluster's programs (see anchor.ts).
 */
export const INSTANCES_DIRECTORY = "/var/cache/clusterconnect-test"

/** What a later run must know to end an instance whose owner was killed. */
export interface InstanceRecord {
  readonly instance: number
  readonly name: string
  readonly level: string
  readonly bootId: string
  /** Whose end makes the instance an orphan; null: a person's, ended only by `down`. */
  readonly owner: ProcessIdentity | null
  readonly processes: readonly (ProcessIdentity & { readonly name: string })[]
}

export function instanceDirectory(instance: number): string {
  return join(INSTANCES_DIRECTORY, `${instance}`)
}

/** Numbers of all instances that have a directory. */
export function listInstances(): readonly number[] {
  try {
    return readdirSync(INSTANCES_DIRECTORY)
      .map(Number)
      .filter((instance) => Number.isInteger(instance) && instance > 0)
      .sort((a, b) => a - b)
  } catch {
    return []
  }
}

/** Undefined when the owner was killed before it could write one. */
export function readRecord(instance: number): InstanceRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordFile(instance), "utf8")) as InstanceRecord
  } catch {
    return undefined
  }
}

export function writeRecord(record: InstanceRecord): void {
  const file = recordFile(record.instance)
  writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** An instance that nobody will ever end: no record, of another boot, or its owner is gone. */
export function isOrphan(record: InstanceRecord | undefined): boolean {
  if (record === undefined || record.bootId !== bootId()) return true
  return record.owner !== null && !isRunning(record.owner)
}

function recordFile(instance: number): string {
  return join(instanceDirectory(instance), "instance.json")
}
