import "reflect-metadata"
import { webcrypto } from "node:crypto"
import { isIP } from "node:net"
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509"

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const
const lifetimeMillis = 7 * 86_400_000
const backdateMillis = 3_600_000

/** A server certificate for names and IP addresses, from a certification authority that nobody else uses and whose key is gone. */
export interface PrivateCertificate {
  readonly caPem: string
  readonly certificatePem: string
  readonly keyPem: string
}

export const privateCertificate = async (
  hosts: readonly string[],
  now: Date = new Date(),
): Promise<PrivateCertificate> => {
  const newKeys = () =>
    webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>
  const validity = {
    notBefore: new Date(now.getTime() - backdateMillis),
    notAfter: new Date(now.getTime() + lifetimeMillis),
  }
  const caKeys = await newKeys()
  const ca = await X509CertificateGenerator.createSelfSigned({
    serialNumber: "01",
    name: `CN=test issuer ${webcrypto.randomUUID()}`,
    ...validity,
    signingAlgorithm: algorithm,
    keys: caKeys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  })
  const keys = await newKeys()
  const leaf = await X509CertificateGenerator.create({
    serialNumber: "02",
    subject: "CN=test issuer",
    issuer: ca.subject,
    ...validity,
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        hosts.map((host) => ({ type: isIP(host) === 0 ? ("dns" as const) : ("ip" as const), value: host })),
      ),
    ],
  })
  return {
    caPem: `${ca.toString("pem")}\n`,
    certificatePem: `${leaf.toString("pem")}\n`,
    keyPem: `${PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY")}\n`,
  }
}
