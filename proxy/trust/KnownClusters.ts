import { readFile } from "node:fs/promises"
import { dirname } from "node:path"
import { Either, Schema } from "effect"
import { makePrivateDirectory, withFileLock, writeFileAtomic } from "../../platform/files.ts"
import type { Pin } from "../../protocol/keys.ts"
import { decodeJson, PinText } from "../../protocol/signed.ts"
import { LocalFailure } from "../failures.ts"

/** What this installation remembers of one cluster at one relay. */
export const KnownCluster = Schema.Struct({
  pin: PinText,
  /** The highest serial of a document that was trusted. */
  serial: Schema.Number.pipe(Schema.int(), Schema.nonNegative()),
  /** Audiences that the cluster's documents named: none of them may be in a token that goes to the relay. */
  audiences: Schema.Array(Schema.String),
  /** Identities that this one took over from: their old documents are replays, also for a user who still gives their pin. */
  formerPins: Schema.optionalWith(Schema.Array(PinText), { exact: true }),
})
export type KnownCluster = typeof KnownCluster.Type & { readonly pin: Pin }

const KnownClustersFile = Schema.Struct({
  version: Schema.Literal(1),
  clusters: Schema.Record({ key: Schema.String, value: KnownCluster }),
})
type Contents = typeof KnownClustersFile.Type

/** 1,000 clusters with long audiences are well below; a larger file is not ours. */
const maxFileBytes = 4 * 1024 * 1024
/** An identity is replaced on demand only; the oldest make room. */
const maxFormerPins = 16
/** The older ones make room: nobody's token carries more audiences than this. */
const maxAudiences = 64

/** The `known-clusters.json` of the configuration directory: like ssh's known_hosts, shared by all processes of the user. */
export class KnownClusters {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  async find(relay: string, cluster: string): Promise<KnownCluster | undefined> {
    return (await this.#read()).clusters[key(relay, cluster)] as KnownCluster | undefined
  }

  /** Every cluster that was ever reached through this relay. */
  async names(relay: string): Promise<readonly string[]> {
    const { clusters } = await this.#read()
    const prefix = `${relay} `
    return Object.keys(clusters).flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []))
  }

  /** Audiences of every cluster that was ever reached through this relay. */
  async audiences(relay: string): Promise<readonly string[]> {
    const { clusters } = await this.#read()
    const here = Object.entries(clusters).filter(([name]) => name.startsWith(`${relay} `))
    return here.flatMap(([, known]) => [...known.audiences])
  }

  /**
   * Remembers a trusted document. For an unchanged pin the serial only rises and audiences only add up, whatever other processes
   * wrote meanwhile.
   */
  async remember(relay: string, cluster: string, seen: KnownCluster): Promise<void> {
    await makePrivateDirectory(dirname(this.path))
    await withFileLock(`${this.path}.lock`, async () => {
      const contents = await this.#read()
      const before = contents.clusters[key(relay, cluster)]
      const same = before?.pin === seen.pin ? before : undefined
      const former = [...new Set([...(seen.formerPins ?? []), ...(same?.formerPins ?? [])])].slice(0, maxFormerPins)
      const next = {
        pin: seen.pin,
        serial: Math.max(seen.serial, same?.serial ?? 0),
        audiences: [...new Set([...seen.audiences, ...(before?.audiences ?? [])])].slice(0, maxAudiences),
        ...(former.length === 0 ? {} : { formerPins: former }),
      }
      if (same !== undefined && JSON.stringify(next) === JSON.stringify(same)) return
      const clusters = { ...contents.clusters, [key(relay, cluster)]: next }
      await writeFileAtomic(this.path, `${JSON.stringify({ version: 1, clusters }, undefined, 2)}\n`)
    })
  }

  async #read(): Promise<Contents> {
    const text = await readFile(this.path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined
      throw new LocalFailure({ detail: `${this.path} cannot be read (${error.code ?? error.message})` })
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

const key = (relay: string, cluster: string) => `${relay} ${cluster}`
