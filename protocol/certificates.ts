import "reflect-metadata"
import { webcrypto } from "node:crypto"
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509"
import { clusterServerName } from "./names.ts"

/** A certificate and its private key, both PEM (the key PKCS #8, ECDSA P-256). */
export interface CertificateAndKey {
  readonly certificatePem: string
  readonly keyPem: string
}

interface LeafName {
  readonly type: "dns" | "ip"
  readonly value: string
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const
const dayMillis = 86_400_000
/** Clocks of clients differ: a certificate is good from a little before it was made. */
const backdateMillis = 3_600_000

const newKeys = () =>
  webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>
const pem = (label: string, der: ArrayBuffer) =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString("base64")
    .match(/.{1,64}/g)
    ?.join("\n")}\n-----END ${label}-----\n`
const keyPem = async (key: webcrypto.CryptoKey) => pem("PRIVATE KEY", await webcrypto.subtle.exportKey("pkcs8", key))
const serial = () =>
  Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)))
    .toString("hex")
    .replace(/^[89a-f]/, "7")

/** RFC 5280 section 4.1.2.5: validity has whole seconds. */
const wholeSeconds = (millis: number) => new Date(Math.floor(millis / 1000) * 1000)

/** An authority that can issue leaves and no further authorities. @param name as `CN=…` */
export const selfSignedAuthority = async (name: string, days: number, now: Date): Promise<CertificateAndKey> => {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name,
    notBefore: wholeSeconds(now.getTime() - backdateMillis),
    notAfter: wholeSeconds(now.getTime() + days * dayMillis),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificatePem: `${certificate.toString("pem")}\n`, keyPem: await keyPem(keys.privateKey) }
}

/** A certificate for server authentication under these names. It ends with its authority at the latest. */
export const leafOf = async (
  authority: CertificateAndKey,
  names: readonly [commonName: LeafName, ...LeafName[]],
  days: number,
  now: Date,
): Promise<CertificateAndKey> => {
  const issuer = new X509Certificate(authority.certificatePem)
  const signingKey = await webcrypto.subtle.importKey("pkcs8", derOf(authority.keyPem), algorithm, false, ["sign"])
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${names[0].value}`,
    issuer: issuer.subject,
    notBefore: wholeSeconds(now.getTime() - backdateMillis),
    notAfter: wholeSeconds(Math.min(now.getTime() + days * dayMillis, issuer.notAfter.getTime())),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([...names]),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificatePem: `${certificate.toString("pem")}\n`, keyPem: await keyPem(keys.privateKey) }
}

/** A root for one cluster's serving certificates. */
export const newRoot = (cluster: string, days: number, now: Date): Promise<CertificateAndKey> =>
  selfSignedAuthority(`CN=clusterconnect ${cluster} root`, days, now)

/** The auth proxy's serving certificate: `<cluster>.clusterconnect.internal`. */
export const newLeaf = (
  root: CertificateAndKey,
  cluster: string,
  days: number,
  now: Date,
): Promise<CertificateAndKey> => leafOf(root, [{ type: "dns", value: clusterServerName(cluster) }], days, now)

const derOf = (text: string) => Buffer.from(text.replace(/-----[^-]+-----|\s/g, ""), "base64")
