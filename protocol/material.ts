import type { KeyObject } from "node:crypto"
import { type CertificateAndKey, newLeaf, newRoot } from "./certificates.ts"
import { type ClusterDocument, nextSerial, signDocument } from "./document.ts"
import { newKey, type Pin, pinOf, spkiOf } from "./keys.ts"

/** Everything that a cluster's side consists of. Only the operator (or whoever ran `init`) ever holds all of it. */
export interface ClusterMaterial {
  readonly identityKey: KeyObject
  readonly sessionKey: KeyObject
  readonly root: CertificateAndKey
  readonly leaf: CertificateAndKey
  readonly document: ClusterDocument
  /** The signed text that agents show and the relay hands out. */
  readonly signedDocument: string
  readonly pin: Pin
}

export interface MaterialRequest {
  readonly cluster: string
  /** Normalised: see names.ts, `relayUrl`. */
  readonly relayUrl: string
  /** Issuer to the audience that its tokens need at this cluster. */
  readonly audiences: Readonly<Record<string, string>>
  readonly rootDays: number
  readonly leafDays: number
  readonly now: Date
  /** Kept when it is there already: the identity outlives every other key. */
  readonly identityKey?: KeyObject
}

/** New keys and certificates, and the document that says so, signed. Nothing is written anywhere. */
export const newMaterial = async (request: MaterialRequest): Promise<ClusterMaterial> => {
  const { cluster, relayUrl, audiences, rootDays, leafDays, now } = request
  const identityKey = request.identityKey ?? newKey()
  const sessionKey = newKey()
  const root = await newRoot(cluster, rootDays, now)
  const leaf = await newLeaf(root, cluster, leafDays, now)
  const document: ClusterDocument = {
    clusterName: cluster,
    relayUrl,
    identityKey: spkiOf(identityKey),
    sessionKeys: [spkiOf(sessionKey)],
    roots: [root.certificatePem],
    audiences,
    serial: nextSerial(now.getTime()),
  }
  return {
    identityKey,
    sessionKey,
    root,
    leaf,
    document,
    signedDocument: signDocument(document, identityKey),
    pin: pinOf(spkiOf(identityKey)),
  }
}
