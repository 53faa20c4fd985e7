import { statSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { dirname } from "node:path"
import { Either } from "effect"
import { makePrivateDirectory, withFileLock, writeFileAtomic } from "../../platform/files.ts"
import { decodeJson } from "../../protocol/signed.ts"
import { type ExpectedPin, entryAfter } from "./entryAfter.ts"
import { type KnownCluster, KnownClustersFile, type Sighting } from "./KnownCluster.ts"
import { damaged, noRoom, unreadable } from "./memoryRefusals.ts"

/** 1,000 clusters with some audiences are well below. What would be larger is not written either: nothing could read it again. */
const maxFileBytes = 4 * 1024 * 1024

/** The `known-clusters.json` of the configuration directory: like ssh's known_hosts, shared by all processes of the user. */
export class KnownClusters {
  readonly path: string
  #read: Read | undefined

  constructor(path: string) {
    this.path = path
  }

  async find(relay: string, cluster: string): Promise<KnownCluster | undefined> {
    return (await this.#current())?.contents.clusters[key(relay, cluster)]
  }

  /** Every cluster that was ever reached through this relay. */
  async names(relay: string): Promise<readonly string[]> {
    const { clusters } = (await this.#current())?.contents ?? empty
    const prefix = `${relay} `
    return Object.keys(clusters).flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []))
  }

  /**
   * What documents of clusters at this relay named, by cluster, as it is now: the same map as long as nobody changes the file. While
   * the file cannot be read or is away, as when somebody edits it, what was read of it last: every request asks for this, and without
   * it every token would pass. So what another program learns is seen when the file is back, and a file that is removed for good
   * counts for a program that has read it until that program ends.
   */
  async audiences(relay: string): Promise<ReadonlyMap<string, readonly string[]>> {
    const current = await this.#current().catch((error) => this.#read ?? Promise.reject(error))
    const read = current ?? this.#read
    if (read === undefined) return nobodyNamed
    const known = read.audiences.get(relay) ?? audiencesAt(relay, read.contents)
    read.audiences.set(relay, known)
    return known
  }

  /** For messages: where it stands what is remembered of the cluster. */
  entry(relay: string, cluster: string): string {
    return `entry "${key(relay, cluster)}" of ${this.path}`
  }

  /**
   * Remembers a trusted document, with {@link entryAfter} what other processes wrote meanwhile. An audience that another cluster of the
   * relay has is left out: by naming it, a document would make that cluster's tokens look like its own.
   * @param expected undefined where the user has just said which identity is meant
   * @throws {RefusedByPolicy} when one of them has seen something that speaks against the document
   * @throws {LocalFailure} when the file would become too large; it stays as it was
   */
  async remember(relay: string, cluster: string, seen: Sighting, expected?: ExpectedPin): Promise<void> {
    await makePrivateDirectory(dirname(this.path))
    await withFileLock(`${this.path}.lock`, async () => {
      const contents = (await this.#fresh()) ?? empty
      const before = contents.clusters[key(relay, cluster)]
      const entry = this.entry(relay, cluster)
      const others = [...audiencesAt(relay, contents)].flatMap(([other, named]) => (other === cluster ? [] : named))
      const own = seen.audiences.filter((audience) => !others.includes(audience))
      const next = entryAfter({ ...seen, audiences: own }, before, expected, { relay, cluster, entry })
      if (next === undefined || JSON.stringify(next) === JSON.stringify(before)) return
      const clusters = { ...contents.clusters, [key(relay, cluster)]: next }
      const text = `${JSON.stringify({ version: 1, clusters }, undefined, 2)}\n`
      if (Buffer.byteLength(text) > maxFileBytes) throw noRoom(entry, maxFileBytes)
      await writeFileAtomic(this.path, text)
    })
  }

  /** Read again only when somebody changed it: it is asked for at every use of a token. Undefined when there is none. */
  async #current(): Promise<Read | undefined> {
    const version = versionOf(this.path)
    if (version === undefined) return undefined
    if (this.#read?.version === version) return this.#read
    const contents = await this.#fresh()
    if (contents === undefined) return undefined
    const read = { version, contents, audiences: new Map() }
    this.#read = read
    return read
  }

  /** Undefined when there is none. Starting afresh for a damaged one would forget every pin, and the next relay to come along would be believed. */
  async #fresh(): Promise<KnownClustersFile | undefined> {
    const text = await readFile(this.path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined
      throw unreadable(this.path, error)
    })
    if (text === undefined) return undefined
    const decoded = decodeJson(this.path, KnownClustersFile, text, maxFileBytes)
    return Either.getOrThrowWith(decoded, ({ message }) => damaged(message))
  }
}

const empty: KnownClustersFile = { version: 1, clusters: {} }
const nobodyNamed: ReadonlyMap<string, readonly string[]> = new Map()

/** The file as it was at one time. */
interface Read {
  readonly version: string
  readonly contents: KnownClustersFile
  /** By relay. */
  readonly audiences: Map<string, ReadonlyMap<string, readonly string[]>>
}

/** Changes with every change, but for a second one in place within a tick of the file system's clock. Undefined when there is no file. @throws {LocalFailure} */
const versionOf = (path: string): string | undefined => {
  try {
    const stat = statSync(path, { throwIfNoEntry: false, bigint: true })
    return stat && [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(":")
  } catch (error) {
    throw unreadable(path, error as NodeJS.ErrnoException)
  }
}

const audiencesAt = (relay: string, { clusters }: KnownClustersFile): ReadonlyMap<string, readonly string[]> =>
  new Map(
    Object.entries(clusters).flatMap(([name, { audiences }]) =>
      name.startsWith(`${relay} `) ? [[name.slice(relay.length + 1), audiences] as const] : [],
    ),
  )

const key = (relay: string, cluster: string) => `${relay} ${cluster}`
