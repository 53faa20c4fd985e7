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
})
export type KnownCluster = typeof KnownCluster.Type & { readonly pin: Pin }

const KnownClustersFile = Schema.Struct({
  version: Schema.Literal(1),
  clusters: Schema.Record({ key: Schema.String, value: KnownCluster }),
})
type Contents = typeof KnownClustersFile.Type

/** 1,000 clusters with long audiences are well below; a larger file is not ours. */
const maxFileBytes = 4 * 1024 * 1024
/** An identity is replaced on demand only; the oldest make room, and only a signature of the newest adds one. */
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

  /** What documents of clusters at this relay named, by cluster. */
  async audiences(relay: string): Promise<ReadonlyMap<string, readonly string[]>> {
    return audiencesAt(relay, await this.#read())
  }

  /**
   * Remembers a trusted document. For an unchanged pin the serial only rises; audiences and former pins only add up, whatever other
   * processes wrote meanwhile. An audience that another cluster of the relay has is left out: by naming it, a document would make
   * that cluster's tokens look like its own. @throws {RefusedByPolicy} when one of them has seen that this identity has a successor
   */
  async remember(relay: string, cluster: string, seen: KnownCluster): Promise<void> {
    await makePrivateDirectory(dirname(this.path))
    await withFileLock(`${this.path}.lock`, async () => {
      const contents = await this.#read()
      const before = contents.clusters[key(relay, cluster)]
      const same = before?.pin === seen.pin ? before : undefined
      if (before?.formerPins?.includes(seen.pin))
        throw identityRetired(this.path, { relay, cluster, retired: seen.pin, now: before.pin })
      const former = [...new Set([...(seen.formerPins ?? []), ...(before?.formerPins ?? [])])].slice(0, maxFormerPins)
      const others = [...audiencesAt(relay, contents)].flatMap(([other, named]) => (other === cluster ? [] : named))
      const own = seen.audiences.filter((audience) => !others.includes(audience))
      const next = {
        pin: seen.pin,
        serial: Math.max(seen.serial, same?.serial ?? 0),
        audiences: [...new Set([...own, ...(before?.audiences ?? [])])].slice(0, maxAudiences),
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

/** @param path of the memory, whose entry is the user's way to say that an identity is good again */
export const identityRetired = (
  path: string,
  about: { readonly relay: string; readonly cluster: string; readonly retired: string; readonly now: string },
): RefusedByPolicy =>
  new RefusedByPolicy({
    hop: "relay",
    cause: "IdentityRetired",
    detail: `the relay ${about.relay} shows a document of cluster ${about.cluster} by the identity ${about.retired}, which was replaced: it has signed a successor, and ${about.now} is known here now. Somebody may have stolen the old key, or the relay came back from an old backup. Nothing was sent to the cluster. Compare .status.identityPin of the ClusterConnect resource. If the cluster's operator went back to the old identity and says so, remove the entry "${about.relay} ${about.cluster}" from ${path} and give --pin ${about.retired}`,
  })

const audiencesAt = (relay: string, { clusters }: Contents): ReadonlyMap<string, readonly string[]> =>
  new Map(
    Object.entries(clusters).flatMap(([name, { audiences }]) =>
      name.startsWith(`${relay} `) ? [[name.slice(relay.length + 1), audiences] as const] : [],
    ),
  )

const key = (relay: string, cluster: string) => `${relay} ${cluster}`
