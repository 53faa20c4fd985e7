import "reflect-metadata"
import { isIP } from "node:net"
import * as x509 from "@peculiar/x509"

export interface Credential {
  readonly certificatePem: string
  /** PKCS #8. */
  readonly keyPem: string
}

export interface CertificateRequest {
  readonly commonName: string
  /** Kubernetes reads a client certificate's organizations as groups. */
  readonly organizations?: readonly string[]
  /** Server names and addresses; with them the certificate may serve, without them it is for clients only. */
  readonly servedAs?: readonly string[]
}

export interface CertificateAuthority {
  readonly certificatePem: string
  readonly issue: (request: CertificateRequest) => Promise<Credential>
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const
/** Longer than any cluster of a person lives; nothing renews these. */
const VALIDITY_MILLIS = 365 * 24 * 3600 * 1000
/** For machines that do not agree on the time to the second. */
const BACKDATE_MILLIS = 3600 * 1000

/** A root for one cluster, P-256, living in memory: who stops the cluster has lost it. */
export async function createAuthority(commonName: string): Promise<CertificateAuthority> {
  const keys = await generateKeys()
  const name = [{ CN: [commonName] }]
  const root = await x509.X509CertificateGenerator.create({
    ...validity(),
    serialNumber: serialNumber(),
    subject: name,
    issuer: name,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  const issue = async (request: CertificateRequest): Promise<Credential> => {
    const leaf = await generateKeys()
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity(),
      serialNumber: serialNumber(),
      subject: [
        ...(request.organizations ?? []).map((organization) => ({ O: [organization] })),
        { CN: [request.commonName] },
      ],
      issuer: root.subjectName.toJSON(),
      publicKey: leaf.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.clientAuth,
          ...(request.servedAs === undefined ? [] : [x509.ExtendedKeyUsage.serverAuth]),
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ...(request.servedAs === undefined ? [] : [alternativeNames(request.servedAs)]),
      ],
    })
    return { certificatePem: `${certificate.toString("pem")}\n`, keyPem: await privateKeyPem(leaf.privateKey) }
  }
  return { certificatePem: `${root.toString("pem")}\n`, issue }
}

/** A key pair in the two PEM forms that kube-apiserver wants for service-account tokens. */
export async function createSigningKeyPair(): Promise<{ readonly publicPem: string; readonly privatePem: string }> {
  const keys = await generateKeys()
  const spki = await crypto.subtle.exportKey("spki", keys.publicKey)
  return {
    publicPem: `${x509.PemConverter.encode(spki, "PUBLIC KEY")}\n`,
    privatePem: await privateKeyPem(keys.privateKey),
  }
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<CryptoKeyPair>
}

async function privateKeyPem(key: CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY")}\n`
}

function alternativeNames(names: readonly string[]): x509.SubjectAlternativeNameExtension {
  return new x509.SubjectAlternativeNameExtension(
    names.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
  )
}

function validity(): { notBefore: Date; notAfter: Date } {
  const now = Date.now()
  return { notBefore: new Date(now - BACKDATE_MILLIS), notAfter: new Date(now + VALIDITY_MILLIS) }
}

/** 127 random bits, positive (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return Buffer.from(bytes).toString("hex")
}
