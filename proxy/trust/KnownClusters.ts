import { statSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { dirname } from "node:path"
import { Either, Schema } from "effect"
import { makePrivateDirectory, withFileLock, writeFileAtomic } from "../../platform/files.ts"
import type { Pin } from "../../protocol/keys.ts"
import { decodeJson, PinText } from "../../protocol/signed.ts"
import { LocalFailure, RefusedByPolicy } from "../failures.ts"

/** What this installation remembers of one cluster at one relay. */
export const KnownCluster = Schema.Struct({
  pin: PinText,
  /** The highest serial of a document that was trusted. */
  serial: Schema.Number.pipe(Schema.int(), Schema.nonNegative()),
  /** Audiences that the cluster's documents named, and no other cluster's before: see {@link RelayTokenGate} and {@link otherOwner}. */
  audiences: Schema.Array(Schema.String),
  /**
   * Identities that have signed a successor, newest first. None of them is trusted again, in an old or a new document, also for a
   * user who still gives its pin: an identity is replaced because its key may be stolen.
   */
  formerPins: Schema.optionalWith(Schema.Array(PinText), { exact: true }),
  /** Of each of them, whom it signed: what a user who gives its pin means. It may be another line than that of `pin`. */
  successors: Schema.optionalWith(Schema.Record({ key: PinText, value: PinText }), { exact: true }),
})
export type KnownCluster = typeof KnownCluster.Type & { readonly pin: Pin }

/** A document that was trusted, as far as it is remembered. */
export interface Sighting extends Pick<KnownCluster, "pin" | "serial" | "audiences"> {
  /** Who has signed its identity; `pinned` when the document was trusted by that one's pin. */
  readonly predecessor?: { readonly pin: Pin; readonly pinned: boolean }
}

const KnownClustersFile = Schema.Struct({
  version: Schema.Literal(1),
  clusters: Schema.Record({ key: Schema.String, value: KnownCluster }),
})
type Contents = typeof KnownClustersFile.Type

/** 1,000 clusters with some audiences are well below. What would be larger is not written either: nothing could read it again. */
const maxFileBytes = 4 * 1024 * 1024
/** An identity is replaced on demand only. None makes room for another: what is forgotten could come back. */
const maxFormerPins = 64
/** Whoever holds an identity can make up as many predecessors of it as he likes: those that nobody here pinned leave room for the others. */
const maxUnpinnedFormerPins = 8
/** The older ones make room: nobody's token carries more audiences than this. */
const maxAudiences = 64

/** The `known-clusters.json` of the configuration directory: like ssh's known_hosts, shared by all processes of the user. */
export class KnownClusters {
  readonly path: string
  #read: Read | undefined

  constructor(path: string) {
    this.path = path
  }

  async find(relay: string, cluster: string): Promise<KnownCluster | undefined> {
    return (await this.#current()).contents.clusters[key(relay, cluster)] as KnownCluster | undefined
  }

  /** Every cluster that was ever reached through this relay. */
  async names(relay: string): Promise<readonly string[]> {
    const { clusters } = (await this.#current()).contents
    const prefix = `${relay} `
    return Object.keys(clusters).flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []))
  }

  /** What documents of clusters at this relay named, by cluster, as it is now: the same map as long as nobody changes the file. */
  async audiences(relay: string): Promise<ReadonlyMap<string, readonly string[]>> {
    // While it cannot be read, as when somebody edits it: what was read last is not less than what it says, and every request needs it.
    const { contents, audiences } = await this.#current().catch((error) => this.#read ?? Promise.reject(error))
    const known = audiences.get(relay) ?? audiencesAt(relay, contents)
    audiences.set(relay, known)
    return known
  }

  /** For messages: where it stands what is remembered of the cluster. */
  entry(relay: string, cluster: string): string {
    return `entry "${key(relay, cluster)}" of ${this.path}`
  }

  /**
   * Remembers a trusted document. For an unchanged pin the serial only rises; audiences and former pins only add up, whatever other
   * processes wrote meanwhile. An audience that another cluster of the relay has is left out: by naming it, a document would make
   * that cluster's tokens look like its own.
   * @throws {RefusedByPolicy} when one of them has seen that this identity has a successor, or the one by whose pin it is trusted another
   * one, or there is no room for a former pin
   * @throws {LocalFailure} when the file would become too large; it stays as it was
   */
  async remember(relay: string, cluster: string, seen: Sighting): Promise<void> {
    await makePrivateDirectory(dirname(this.path))
    await withFileLock(`${this.path}.lock`, async () => {
      const contents = await this.#fresh()
      const before = contents.clusters[key(relay, cluster)]
      const same = before?.pin === seen.pin ? before : undefined
      if (before?.formerPins?.includes(seen.pin))
        throw identityRetired(this.path, { relay, cluster, retired: seen.pin, now: before.pin })
      if (seen.predecessor?.pinned && before !== undefined && hasSignedAnother(seen.predecessor.pin, seen.pin, before))
        throw identityRetired(this.path, { relay, cluster, retired: seen.predecessor.pin, now: before.pin })
      const retired = isToRetire(seen, before) ? seen.predecessor?.pin : undefined
      const former = [...new Set([...(retired === undefined ? [] : [retired]), ...(before?.formerPins ?? [])])]
      if (former.length > maxFormerPins) throw tooManySuccessions(this.path, relay, cluster)
      const successors = { ...before?.successors, ...(retired === undefined ? {} : { [retired]: seen.pin }) }
      const others = [...audiencesAt(relay, contents)].flatMap(([other, named]) => (other === cluster ? [] : named))
      const own = seen.audiences.filter((audience) => !others.includes(audience))
      const next = {
        pin: seen.pin,
        serial: Math.max(seen.serial, same?.serial ?? 0),
        audiences: [...new Set([...own, ...(before?.audiences ?? [])])].slice(0, maxAudiences),
        ...(former.length === 0 ? {} : { formerPins: former }),
        ...(Object.keys(successors).length === 0 ? {} : { successors }),
      }
      if (same !== undefined && JSON.stringify(next) === JSON.stringify(same)) return
      const clusters = { ...contents.clusters, [key(relay, cluster)]: next }
      const text = `${JSON.stringify({ version: 1, clusters }, undefined, 2)}\n`
      if (Buffer.byteLength(text) > maxFileBytes) throw noRoom(this.path, relay, cluster)
      await writeFileAtomic(this.path, text)
    })
  }

  /** Read again only when somebody replaced it: it is asked for at every use of a token. */
  async #current(): Promise<Read> {
    const version = versionOf(this.path)
    if (this.#read?.version === version) return this.#read
    const read = { version, contents: await this.#fresh(), audiences: new Map() }
    this.#read = read
    return read
  }

  async #fresh(): Promise<Contents> {
    const text = await readFile(this.path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined
      throw unreadable(this.path, error)
    })
    if (text === undefined) return { version: 1, clusters: {} }
    const decoded = decodeJson(this.path, KnownClustersFile, text, maxFileBytes)
    // Starting afresh would forget every pin, and the next relay to come along would be believed.
    if (Either.isLeft(decoded))
      throw new LocalFailure({
        detail: `${decoded.left.message}. It holds the pins of your clusters: repair it, or remove it and confirm every pin again`,
      })
    return decoded.right
  }
}

/** The file as it was at one time. */
interface Read {
  readonly version: string
  readonly contents: Contents
  /** By relay. */
  readonly audiences: Map<string, ReadonlyMap<string, readonly string[]>>
}

/** Changes with every change of the file. @throws {LocalFailure} */
const versionOf = (path: string): string => {
  try {
    const stat = statSync(path, { throwIfNoEntry: false, bigint: true })
    return stat === undefined ? "absent" : [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(":")
  } catch (error) {
    throw unreadable(path, error as NodeJS.ErrnoException)
  }
}

const unreadable = (path: string, { code, message }: NodeJS.ErrnoException) =>
  new LocalFailure({ detail: `${path} cannot be read (${code ?? message})` })

/** Seen meanwhile by another process, say; a key signs one successor. What was remembered before it was known whom is no reason to refuse it. */
const hasSignedAnother = (
  identity: Pin,
  successor: string,
  { pin, formerPins, successors }: KnownClusterEntry,
): boolean => formerPins?.includes(identity) === true && pin !== successor && successors?.[identity] !== successor

/** What was pinned here is; what an identity only says of itself, while there is room that the others do not need. */
const isToRetire = ({ predecessor }: Sighting, before: KnownClusterEntry | undefined): boolean => {
  if (predecessor === undefined) return false
  const former = before?.formerPins ?? []
  if (predecessor.pinned || predecessor.pin === before?.pin || former.includes(predecessor.pin)) return true
  return former.length < maxUnpinnedFormerPins
}
type KnownClusterEntry = typeof KnownCluster.Type

const tooManySuccessions = (path: string, relay: string, cluster: string) =>
  new RefusedByPolicy({
    hop: "relay",
    cause: "TooManySuccessions",
    detail: `cluster ${cluster} at the relay ${relay} has an identity after ${maxFormerPins} others that were replaced, and ${path} remembers no more of them; none may be forgotten, because its key may be stolen. Nothing was sent to the cluster. Ask the cluster's operator for the pin (.status.identityPin), remove the entry "${relay} ${cluster}" from ${path}, and give the pin with --pin`,
  })

const noRoom = (path: string, relay: string, cluster: string) =>
  new LocalFailure({
    detail: `${path} would be larger than ${maxFileBytes} bytes with the entry "${relay} ${cluster}", so it was left as it was, and nothing was sent to the cluster: remove from it the entries of clusters that you do not use any more, above all the long ones. An entry's pin is forgotten with it`,
  })

/** @param path of the memory, whose entry is the user's way to say that an identity is good again */
export const identityRetired = (
  path: string,
  about: { readonly relay: string; readonly cluster: string; readonly retired: string; readonly now: string },
): RefusedByPolicy =>
  new RefusedByPolicy({
    hop: "relay",
    cause: "IdentityRetired",
    detail: `the relay ${about.relay} shows a document of cluster ${about.cluster} for which the identity ${about.retired} stands, which was replaced: it has signed a successor, and ${about.now} is known here now. Somebody may have stolen the old key, or the relay came back from an old backup. Nothing was sent to the cluster. Compare .status.identityPin of the ClusterConnect resource. If the cluster's operator went back to the old identity and says so, remove the entry "${about.relay} ${about.cluster}" from ${path} and give --pin ${about.retired}`,
  })

const audiencesAt = (relay: string, { clusters }: Contents): ReadonlyMap<string, readonly string[]> =>
  new Map(
    Object.entries(clusters).flatMap(([name, { audiences }]) =>
      name.startsWith(`${relay} `) ? [[name.slice(relay.length + 1), audiences] as const] : [],
    ),
  )

const key = (relay: string, cluster: string) => `${relay} ${cluster}`
