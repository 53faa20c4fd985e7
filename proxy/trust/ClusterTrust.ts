import { Either } from "effect"
import { type ClusterDocument, identityFollows, openDocument, trustDocument } from "../../protocol/document.ts"
import { type Pin, pinOf } from "../../protocol/keys.ts"
import { PathBroken, RefusedByPolicy } from "../failures.ts"
import type { RelayClient } from "../relay/RelayClient.ts"
import type { ExpectedPin } from "./entryAfter.ts"
import type { KnownCluster, Sighting } from "./KnownCluster.ts"
import type { KnownClusters } from "./KnownClusters.ts"
import { identityRetired } from "./memoryRefusals.ts"
import { pinDecision } from "./pinDecision.ts"

/** What a person is shown before a pin is remembered. */
export interface FirstSight {
  readonly relay: string
  readonly cluster: string
  readonly pin: Pin
}

export interface TrustOptions {
  readonly cluster: string
  readonly relay: RelayClient
  readonly known: KnownClusters
  readonly givenPin: Pin | undefined
  readonly acceptNewPin: boolean
  /** Asks a person; undefined when there is none. */
  readonly confirm: ((sight: FirstSight) => Promise<boolean>) | undefined
  /** Called with every document that is trusted, before it is remembered. One that this rejects for never is. */
  readonly accept?: (document: ClusterDocument) => Promise<void>
  /** Called with every document that is trusted, before it is used: the audience rules are checked again here. */
  readonly onTrusted?: (document: ClusterDocument) => Promise<void>
}

/** The trusted document of one cluster: fetched through the relay, believed only by the pin. */
export class ClusterTrust {
  readonly #options: TrustOptions
  #document: ClusterDocument | undefined
  #refreshing: Promise<ClusterDocument> | undefined
  #fetchedAt = Number.NEGATIVE_INFINITY

  private constructor(options: TrustOptions) {
    this.#options = options
  }

  /** Fetches and verifies the first document, asking for the pin if there is none. @throws {PathFailure} */
  static async establish(options: TrustOptions): Promise<ClusterTrust> {
    const trust = new ClusterTrust(options)
    await trust.refresh()
    return trust
  }

  get document(): ClusterDocument {
    if (this.#document === undefined) throw new Error("the cluster document is used before it was trusted")
    return this.#document
  }

  /**
   * Fetches the document again, for all who ask at once only once; not if it was fetched after `since` (`performance.now()`).
   * @throws {PathFailure}
   */
  refresh(since: number = performance.now()): Promise<ClusterDocument> {
    if (this.#document !== undefined && this.#fetchedAt > since) return Promise.resolve(this.#document)
    this.#refreshing ??= this.#fetch().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #fetch(): Promise<ClusterDocument> {
    const { cluster, relay, known, accept, onTrusted } = this.#options
    const { document: text, agentSessions } = await relay.connectionInformation(cluster)
    if (text === "") throw noDocument(cluster, agentSessions)
    const remembered = await known.find(relay.relay, cluster)
    const identity = identityOf(text)
    if (remembered !== undefined && identity !== undefined && remembered.retired?.[identity] !== undefined) {
      const entry = known.entry(relay.relay, cluster)
      throw identityRetired({ relay: relay.relay, cluster, entry }, identity, remembered.pin)
    }
    const held = this.#document && { pin: pinOf(this.#document.identityKey), serial: this.#document.serial }
    const pin = await this.#pin(text, remembered, held?.pin)
    const trusted = trustDocument(text, {
      pin,
      clusterName: cluster,
      relayUrl: relay.relay,
      serial: serialToBeat(identity, pin, [remembered, held]),
    })
    if (Either.isLeft(trusted)) throw documentRefused(cluster, relay.relay, trusted.left.reason, trusted.left.message)
    const document = trusted.right
    await accept?.(document)
    try {
      // First, so that a token which the document shows to be too powerful goes nowhere any more.
      await onTrusted?.(document)
    } finally {
      // Then too, also where it was refused for the audience that it asks for (AudienceNotOwn): the document is the cluster's own word
      // that it takes tokens for these, visited or not, so the next start must know before it sends one to the relay. And an identity
      // is retired by its signature, not by the visit. What `accept` refuses is not remembered: it would close the way for good.
      await known.remember(relay.relay, cluster, sightingOf(document, pin), this.#expected(remembered, held?.pin))
    }
    this.#document = document
    this.#fetchedAt = performance.now()
    return document
  }

  /** @param held the identity that a running program began with, or followed: it keeps to it, whatever another one was told meanwhile */
  async #pin(text: string, remembered: KnownCluster | undefined, held: Pin | undefined): Promise<Pin> {
    const { givenPin, acceptNewPin, confirm, cluster, relay } = this.#options
    const decision = pinDecision({
      given: held ?? givenPin,
      remembered: remembered?.pin,
      retired: remembered?.retired ?? {},
      interactive: confirm !== undefined,
      acceptNewPin,
    })
    if ("use" in decision) return decision.use
    const opened = openDocument(text)
    if (Either.isLeft(opened)) throw documentRefused(cluster, relay.relay, opened.left.reason, opened.left.message)
    const pin = pinOf(opened.right.identityKey)
    if (decision.otherwise === "refuse") throw pinRequired(cluster, pin)
    if (decision.otherwise === "ask" && !(await confirm?.({ relay: relay.relay, cluster, pin })))
      throw new RefusedByPolicy({
        hop: "proxy",
        cause: "PinNotConfirmed",
        detail: `the identity of cluster ${cluster} was not confirmed`,
      })
    return pin
  }

  /** What makes way in the memory. Only a pin that the user gave for this start, or a person confirmed, takes the place of whatever is there by now. */
  #expected(remembered: KnownCluster | undefined, held: Pin | undefined): ExpectedPin | undefined {
    const { givenPin, acceptNewPin } = this.#options
    if (held !== undefined) return held
    if (givenPin !== undefined) return undefined
    return remembered?.pin ?? (acceptNewPin ? "none" : undefined)
  }
}

/** Whose document it says it is, and is by its signature; undefined when it is nobody's. Whether that one is trusted is another matter. */
const identityOf = (text: string): Pin | undefined =>
  Either.match(openDocument(text), { onLeft: () => undefined, onRight: ({ identityKey }) => pinOf(identityKey) })

/** The newest that was seen of an identity counts for it, in the memory or by this program; a pin that the user gave for another one starts anew. */
const serialToBeat = (
  identity: Pin | undefined,
  pin: Pin,
  seen: readonly (Pick<KnownCluster, "pin" | "serial"> | undefined)[],
): number =>
  Math.max(
    0,
    ...seen.flatMap((one) => (one !== undefined && (one.pin === pin || one.pin === identity) ? [one.serial] : [])),
  )

/** @param trustedBy the pin by which it was */
const sightingOf = (document: ClusterDocument, trustedBy: Pin): Sighting => {
  const predecessor = predecessorOf(document)
  return {
    pin: pinOf(document.identityKey),
    serial: document.serial,
    audiences: [...new Set(Object.values(document.audiences))],
    ...(predecessor === undefined ? {} : { predecessor: { pin: predecessor, pinned: predecessor === trustedBy } }),
  }
}

/** The identity that has signed this one as its successor: from now on it stands for nobody else, whoever pinned it. */
const predecessorOf = (document: ClusterDocument): Pin | undefined => {
  const previous = document.previousIdentity?.key
  if (previous === undefined || previous === document.identityKey) return undefined
  return identityFollows(document, (identity) => identity === previous) ? pinOf(previous) : undefined
}

const noDocument = (cluster: string, sessions: number) =>
  new PathBroken({
    hop: "agent",
    cause: "NoDocument",
    detail:
      sessions === 0
        ? `cluster ${cluster} is registered at the relay, but its agent has never connected: check the agent`
        : `the agent of cluster ${cluster} has shown no cluster document: check the agent's log`,
  })

const pinRequired = (cluster: string, pin: Pin) =>
  new RefusedByPolicy({
    hop: "proxy",
    cause: "PinRequired",
    detail: `the identity of cluster ${cluster} is not known here and nobody can be asked. The relay shows ${pin}: compare it with .status.identityPin of the ClusterConnect resource in the cluster and give it with --pin or CLUSTERCONNECT_PIN. --accept-new-pin believes the relay this one time`,
  })

const documentRefused = (cluster: string, relay: string, reason: string, message: string) =>
  new RefusedByPolicy({
    hop: "relay",
    cause: reason,
    detail:
      reason === "IdentityChanged"
        ? `THE IDENTITY OF CLUSTER ${cluster} HAS CHANGED. ${message}. Either the cluster was built anew with another key, or somebody between you and it (the relay ${relay} included) pretends to be it. Nothing was sent to it. Ask the cluster's operator for the pin (.status.identityPin) and give it with --pin if it is right`
        : `${message}. The relay ${relay} handed out something that cannot be trusted; nothing was sent to the cluster`,
  })
