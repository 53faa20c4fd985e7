import "reflect-metadata"
import { createPrivateKey, X509Certificate as NodeCertificate, webcrypto } from "node:crypto"
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509"
import type { CertificateAndKey } from "../../protocol/certificates.ts"

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const
const dayMillis = 86_400_000
/** The authority lives as long as the installation may; it is trusted by our own kubeconfig files alone. */
export const authorityDays = 3_650
/** A new leaf is made at every start; a proxy that runs for longer than this is started anew. */
export const leafDays = 397
/** The clock may be set back a little between two starts. */
const backdateMillis = 3_600_000

const newKeys = () =>
  webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>
const keyPem = async (key: webcrypto.CryptoKey) =>
  `${PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`
const serialNumber = () =>
  `7${Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)))
    .toString("hex")
    .slice(1)}`
const validity = (days: number, now: Date) => ({
  notBefore: new Date(now.getTime() - backdateMillis),
  notAfter: new Date(now.getTime() + days * dayMillis),
})

/** The installation's own certificate authority. Its key signs nothing but leaves for this machine's loopback names. */
export const newLocalAuthority = async (now: Date): Promise<CertificateAndKey> => {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: "CN=clusterconnect local endpoint",
    ...validity(authorityDays, now),
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

/** A leaf for 127.0.0.1, ::1 and localhost. */
export const newLocalLeaf = async (authority: CertificateAndKey, now: Date): Promise<CertificateAndKey> => {
  const issuer = new X509Certificate(authority.certificatePem)
  const der = PemConverter.decode(authority.keyPem)[0]
  if (der === undefined) throw new TypeError("the local authority has no key")
  const signingKey = await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"])
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: "CN=localhost",
    issuer: issuer.subject,
    ...validity(leafDays, now),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        { type: "ip", value: "127.0.0.1" },
        { type: "ip", value: "::1" },
        { type: "dns", value: "localhost" },
      ]),
    ],
  })
  return { certificatePem: `${certificate.toString("pem")}\n`, keyPem: await keyPem(keys.privateKey) }
}

/** Whether an authority of an earlier start still serves: readable, whole, valid by now, and good for longer than a leaf lives. */
export const stillGood = (text: string, now: Date): CertificateAndKey | undefined => {
  const certificatePem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n/.exec(text)?.[0]
  const keyText = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----\n/.exec(text)?.[0]
  if (certificatePem === undefined || keyText === undefined) return undefined
  try {
    const { notBefore, notAfter, rawData } = new X509Certificate(certificatePem)
    const own = new NodeCertificate(Buffer.from(rawData)).checkPrivateKey(createPrivateKey(keyText))
    // Made while the clock was ahead: kubectl would refuse it until then.
    const begun = notBefore.getTime() <= now.getTime()
    const lasts = notAfter.getTime() - now.getTime() > leafDays * dayMillis
    return own && begun && lasts ? { certificatePem, keyPem: keyText } : undefined
  } catch {
    return undefined
  }
}
