import { createPrivateKey, X509Certificate } from "node:crypto"
import { type CertificateAndKey, leafOf, selfSignedAuthority } from "../../protocol/certificates.ts"

const dayMillis = 86_400_000
/** The authority lives as long as the installation may; it is trusted by our own kubeconfig files alone. */
const authorityDays = 3_650
/** A new leaf is made at every start; a proxy that runs for longer than this is started anew. */
export const leafDays = 397

/** The installation's own certificate authority. Its key signs nothing but leaves for this machine's loopback names. */
export const newLocalAuthority = (now: Date): Promise<CertificateAndKey> =>
  selfSignedAuthority("CN=clusterconnect local endpoint", authorityDays, now)

/** A leaf for 127.0.0.1, ::1 and localhost. */
export const newLocalLeaf = (authority: CertificateAndKey, now: Date): Promise<CertificateAndKey> =>
  leafOf(
    authority,
    [
      { type: "dns", value: "localhost" },
      { type: "ip", value: "127.0.0.1" },
      { type: "ip", value: "::1" },
    ],
    leafDays,
    now,
  )

/** Whether an authority of an earlier start still serves: readable, whole, valid by now, and good for longer than a leaf lives. */
export const stillGood = (text: string, now: Date): CertificateAndKey | undefined => {
  const certificatePem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n/.exec(text)?.[0]
  const keyText = /-----BEGIN PRIVATE KEY-----[\s\S]+?-----END PRIVATE KEY-----\n/.exec(text)?.[0]
  if (certificatePem === undefined || keyText === undefined) return undefined
  try {
    const certificate = new X509Certificate(certificatePem)
    const own = certificate.checkPrivateKey(createPrivateKey(keyText))
    // Made while the clock was ahead: kubectl would refuse it until then.
    const begun = certificate.validFromDate.getTime() <= now.getTime()
    const lasts = certificate.validToDate.getTime() - now.getTime() > leafDays * dayMillis
    return own && begun && lasts ? { certificatePem, keyPem: keyText } : undefined
  } catch {
    return undefined
  }
}
