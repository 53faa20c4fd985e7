import type { KeyObject } from "node:crypto"
import { readFile } from "node:fs/promises"
import { Data, Either } from "effect"
import { type ClusterDocument, openDocument } from "../../protocol/document.ts"
import { keyFromPem, type Spki, spkiOf } from "../../protocol/keys.ts"
import { safeRelayUrl } from "../../protocol/names.ts"

/** What an agent proves itself with: one session key and the cluster document that lists it. */
export interface Credentials {
  readonly sessionKey: KeyObject
  /** Public. */
  readonly sessionSpki: Spki
  /** The signed text, as it is shown to the relay. */
  readonly documentText: string
  readonly document: ClusterDocument
}

/** The session key or the cluster document cannot be used. Names files, never holds key material. */
export class CredentialsInvalid extends Data.TaggedError("CredentialsInvalid")<{
  readonly file: string
  readonly detail: string
  /** The file could not be read at all: what is in it may be good. */
  readonly unread?: true
}> {
  override get message(): string {
    return `${this.file} cannot be used: ${this.detail}`
  }
}

export interface CredentialFiles {
  readonly sessionKeyFile: string
  readonly documentFile: string
}

/** What the configuration says; absent: what the document says holds. */
export interface Expected {
  readonly cluster?: string | undefined
  /** Normalised. */
  readonly relayUrl?: string | undefined
}

/**
 * Reads and proves both: the document is signed by its own identity key, is for this cluster and relay, and lists the session
 * key. Rejects with {@link CredentialsInvalid}.
 */
export const readCredentials = async (files: CredentialFiles, expected: Expected): Promise<Credentials> => {
  const refuse = (file: string, detail: string) => new CredentialsInvalid({ file, detail })
  const { sessionKeyFile, documentFile } = files
  const pem = await read(sessionKeyFile)
  const text = await read(documentFile)
  let sessionKey: KeyObject
  try {
    sessionKey = keyFromPem(pem)
  } catch (error) {
    throw refuse(sessionKeyFile, (error as TypeError).message)
  }
  const documentText = text.trim()
  const opened = openDocument(documentText)
  if (Either.isLeft(opened)) throw refuse(documentFile, opened.left.message)
  const document = opened.right
  if (expected.cluster !== undefined && document.clusterName !== expected.cluster)
    throw refuse(documentFile, `it is for cluster ${document.clusterName}, expected ${expected.cluster}`)
  if (expected.relayUrl !== undefined && document.relayUrl !== expected.relayUrl)
    throw refuse(documentFile, `it is for relay ${document.relayUrl}, expected ${expected.relayUrl}`)
  try {
    safeRelayUrl(document.relayUrl)
  } catch (error) {
    throw refuse(documentFile, (error as TypeError).message)
  }
  const sessionSpki = spkiOf(sessionKey)
  if (!document.sessionKeys.includes(sessionSpki))
    throw refuse(documentFile, `it does not list the session key of ${sessionKeyFile}`)
  return { sessionKey, sessionSpki, documentText, document }
}

/** True when a new control session would prove the same as the present one. */
export const sameCredentials = (a: Credentials, b: Credentials): boolean =>
  a.sessionSpki === b.sessionSpki && a.documentText === b.documentText

const read = async (file: string): Promise<string> => {
  try {
    return await readFile(file, "utf8")
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const detail = code === "ENOENT" ? "there is no such file" : (code ?? "it cannot be read")
    throw new CredentialsInvalid({ file, detail, unread: true })
  }
}
