import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type FileLock, lockFile } from "../process/FileLock.ts"
import { bootId, identityOf, type ProcessIdentity } from "../process/processIdentity.ts"
import { type AddressRange, firstFree, reachableNetworks } from "./addressRange.ts"
import { type Anchor, INIT, startAnchor } from "./anchor.ts"
import { endInstance, endOrphans } from "./endInstance.ts"
import { firewallRules, installFirewall } from "./firewall.ts"
import {
  INSTANCES_DIRECTORY,
  type InstanceRecord,
  instanceDirectory,
  listInstances,
  writeRecord,
} from "./InstanceRecord.ts"
import { createNamespace, namespaceName } from "./networkNamespace.ts"

/** A directory, a network namespace with its firewall, and an anchor: all that a cluster's programs need. */
export interface Instance {
  readonly number: number
  readonly directory: string
  readonly namespace: string
  readonly range: AddressRange
  readonly anchor: Anchor
  /** Remembers a process so that a later run ends it if this one is killed. */
  readonly remember: (name: string, identity: ProcessIdentity) => void
  readonly end: () => Promise<void>
}

/** Every pod of every instance: the range never leaves the namespace (masquerade), so all may use the same. */
export const POD_RANGE = "10.88.0.0/16"

const LOCK = join(INSTANCES_DIRECTORY, "lock")

/** Takes the lowest free number after ending what killed runs have left. */
export async function createInstance(options: {
  readonly name: string
  readonly level: string
  readonly closed: boolean
  readonly detached: boolean
  readonly onProgress: (line: string) => void
}): Promise<Instance> {
  let record = await claim(options)
  const { instance } = record
  const end = () => endInstance(instance)
  const remember = (name: string, identity: ProcessIdentity) => {
    record = { ...record, processes: [...record.processes, { name, ...identity }] }
    writeRecord(record)
  }
  try {
    const directory = instanceDirectory(instance)
    const namespace = namespaceName(instance)
    const range = await createNamespace(instance)
    await installFirewall(namespace, firewallRules({ podRange: POD_RANGE, closed: options.closed }))
    writeFileSync(join(directory, "hosts"), "127.0.0.1 localhost\n", { mode: 0o644 })
    writeFileSync(join(directory, "resolv.conf"), `nameserver ${range.inside}\n`, { mode: 0o644 })
    const anchor = await startAnchor({ ...options, instance, directory })
    remember("anchor", anchor.daemon.identity)
    remember(INIT, anchor.init)
    return { number: instance, directory, namespace, range, anchor, remember, end }
  } catch (error) {
    await end()
    throw error
  }
}

/** Held while numbers are given out and orphans ended. */
export function lockInstances(): Promise<FileLock> {
  return lockFile(LOCK)
}

async function claim(options: {
  readonly name: string
  readonly level: string
  readonly detached: boolean
  readonly onProgress: (line: string) => void
}): Promise<InstanceRecord> {
  await using _lock = await lockInstances()
  const orphans = await endOrphans()
  if (orphans.length > 0) options.onProgress(`removed what killed runs had left: clusters ${orphans.join(", ")}`)
  const instance = firstFree(new Set(listInstances()), await reachableNetworks())
  const record: InstanceRecord = {
    instance,
    name: options.name,
    level: options.level,
    bootId: bootId(),
    owner: options.detached ? null : identityOf(process.pid)!,
    processes: [],
  }
  // A namespace or cgroup of this number without a directory is what somebody's half-done removal has left.
  await endInstance(instance)
  mkdirSync(instanceDirectory(instance), { mode: 0o755 })
  writeRecord(record)
  return record
}
