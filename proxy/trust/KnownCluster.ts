import { Schema } from "effect"
import type { Pin } from "../../protocol/keys.ts"
import { PinText } from "../../protocol/signed.ts"

/** What is kept of an identity that has signed a successor. */
const RetiredIdentity = Schema.Struct({
  /** Whom it signed: what a user who gives its pin means. It may be another line than that of the entry's `pin`. */
  successor: PinText,
  /** It was the remembered one, or a document was trusted by its pin: nobody has made it up. */
  pinned: Schema.Boolean,
})

/** What this installation remembers of one cluster at one relay. */
export const KnownCluster = Schema.Struct({
  pin: PinText,
  /** The highest serial of a document that was trusted. */
  serial: Schema.Number.pipe(Schema.int(), Schema.nonNegative()),
  /** Audiences that the cluster's documents named, and no other cluster's before: see {@link RelayTokenGate} and {@link otherOwner}. */
  audiences: Schema.Array(Schema.String),
  /**
   * Identities that have signed a successor. None of them is trusted again, in an old or a new document, also for a user who still
   * gives its pin: an identity is replaced because its key may be stolen. A name that is no pin is an error, or it would be forgotten.
   */
  retired: Schema.optionalWith(
    Schema.Record({ key: PinText, value: RetiredIdentity }).annotations({
      parseOptions: { onExcessProperty: "error" },
    }),
    { exact: true },
  ),
})
export type KnownCluster = typeof KnownCluster.Type
export type Retired = NonNullable<KnownCluster["retired"]>

/** A document that was trusted, as far as it is remembered. */
export interface Sighting extends Pick<KnownCluster, "pin" | "serial" | "audiences"> {
  /** Who has signed its identity; `pinned` when the document was trusted by that one's pin. */
  readonly predecessor?: { readonly pin: Pin; readonly pinned: boolean }
}

/** By relay and cluster, with a blank between them. */
export const KnownClustersFile = Schema.Struct({
  version: Schema.Literal(1),
  clusters: Schema.Record({ key: Schema.String, value: KnownCluster }),
})
export type KnownClustersFile = typeof KnownClustersFile.Type
