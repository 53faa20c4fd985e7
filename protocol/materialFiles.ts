import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import { Data, Either } from "effect"
import type { CertificateAndKey } from "./certificates.ts"
import { openDocument } from "./document.ts"
import { keyFromPem, keyToPem, pinOf, spkiOf } from "./keys.ts"
import type { ClusterMaterial } from "./material.ts"
import { clusterServerName } from "./names.ts"

/** File names of a cluster's material, in the order in which they are written: the identity key before all that it signs. */
export const materialFileNames = [
  "identity.key",
  "session.key",
  "root.key",
  "root.crt",
  "serving.key",
  "serving.crt",
  "document",
] as const
export type MaterialFileName = (typeof materialFileNames)[number]
export type MaterialFiles = Readonly<Record<MaterialFileName, string>>

/** Files that do not belong together, or are no keys and certificates. Never holds key material. */
export class MaterialInvalid extends Data.TaggedError("MaterialInvalid")<{
  readonly file: MaterialFileName
  readonly detail: string
}> {
  override get message(): string {
    return `${this.file}: ${this.detail}`
  }
}

/** The material as texts: PEM for keys (PKCS #8) and certificates, the signed document in one line. */
export const filesOf = (material: ClusterMaterial): MaterialFiles => ({
  "identity.key": keyToPem(material.identityKey),
  "session.key": keyToPem(material.sessionKey),
  "root.key": material.root.keyPem,
  "root.crt": material.root.certificatePem,
  "serving.key": material.leaf.keyPem,
  "serving.crt": material.leaf.certificatePem,
  document: `${material.signedDocument}\n`,
})

/**
 * Reads the material back and proves that it belongs together: the identity key signed the document, the document lists the
 * session key and the root, the root issued the serving certificate for this cluster's name, and each key is its certificate's.
 */
export const materialFrom = (files: MaterialFiles): Either.Either<ClusterMaterial, MaterialInvalid> =>
  Either.gen(function* () {
    const identityKey = yield* keyIn(files, "identity.key")
    const sessionKey = yield* keyIn(files, "session.key")
    const signedDocument = files.document.trim()
    const document = yield* Either.mapLeft(openDocument(signedDocument), (error) => invalid("document", error.message))
    if (document.identityKey !== spkiOf(identityKey))
      return yield* refuse("document", "another identity key than identity.key signed it")
    if (!document.sessionKeys.includes(spkiOf(sessionKey)))
      return yield* refuse("session.key", "the document does not list it")
    const root = yield* pairIn(files, "root.crt", "root.key")
    if (!document.roots.some((pem) => pem.trim() === root.certificatePem.trim()))
      return yield* refuse("root.crt", "the document does not list it")
    const leaf = yield* pairIn(files, "serving.crt", "serving.key")
    const serving = new X509Certificate(leaf.certificatePem)
    const issuer = new X509Certificate(root.certificatePem)
    if (!serving.checkIssued(issuer) || !serving.verify(issuer.publicKey))
      return yield* refuse("serving.crt", "root.crt did not issue it")
    const name = clusterServerName(document.clusterName)
    if (serving.checkHost(name) === undefined) return yield* refuse("serving.crt", `it is not for ${name}`)
    return { identityKey, sessionKey, root, leaf, document, signedDocument, pin: pinOf(document.identityKey) }
  })

const keyIn = (files: MaterialFiles, file: MaterialFileName): Either.Either<KeyObject, MaterialInvalid> =>
  Either.try({ try: () => keyFromPem(files[file]), catch: (error) => invalid(file, (error as TypeError).message) })

const pairIn = (
  files: MaterialFiles,
  certificateFile: MaterialFileName,
  keyFile: MaterialFileName,
): Either.Either<CertificateAndKey, MaterialInvalid> =>
  Either.gen(function* () {
    const certificate = yield* Either.try({
      try: () => new X509Certificate(files[certificateFile]),
      // The parser's own text may quote the file.
      catch: () => invalid(certificateFile, "expected a PEM certificate"),
    })
    const key = yield* Either.try({
      try: () => createPrivateKey(files[keyFile]),
      catch: () => invalid(keyFile, "expected a PEM private key (PKCS #8)"),
    })
    if (!certificate.checkPrivateKey(key)) return yield* refuse(keyFile, `it is not the key of ${certificateFile}`)
    return { certificatePem: files[certificateFile], keyPem: files[keyFile] }
  })

const invalid = (file: MaterialFileName, detail: string) => new MaterialInvalid({ file, detail })
const refuse = (file: MaterialFileName, detail: string) => Either.left(invalid(file, detail))
