import { describe, expect, test } from "bun:test"
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto"
import { createAuthority, createSigningKeyPair } from "./CertificateAuthority.ts"
import { kubeconfig } from "./kubeconfig.ts"

describe("credentials of a cluster", () => {
  test("a client certificate carries user and groups, belongs to its key, and may not serve", async () => {
    const authority = await createAuthority("test")
    const { certificatePem, keyPem } = await authority.issue({
      commonName: "a",
      organizations: ["system:masters", "b"],
    })
    const certificate = new X509Certificate(certificatePem)
    expect(certificate.subject.split("\n").sort()).toEqual(["CN=a", "O=b", "O=system:masters"])
    expect(certificate.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true)
    expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true)
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"])
  })

  test("a server certificate is valid for its names and addresses and no other", async () => {
    const authority = await createAuthority("test")
    const { certificatePem } = await authority.issue({ commonName: "s", servedAs: ["kubernetes.default", "10.89.1.2"] })
    const certificate = new X509Certificate(certificatePem)
    expect(certificate.checkHost("kubernetes.default")).toBe("kubernetes.default")
    expect(certificate.checkIP("10.89.1.2")).toBe("10.89.1.2")
    expect(certificate.checkHost("other")).toBeUndefined()
  })

  test("a certificate of one cluster is not one of another", async () => {
    const [one, other] = await Promise.all([createAuthority("test"), createAuthority("test")])
    const { certificatePem } = await one.issue({ commonName: "a" })
    expect(new X509Certificate(certificatePem).verify(new X509Certificate(other.certificatePem).publicKey)).toBe(false)
  })

  test("the two halves of the service-account key belong together", async () => {
    const { publicPem, privatePem } = await createSigningKeyPair()
    const derived = createPublicKey(privatePem).export({ type: "spki", format: "pem" })
    expect(createPublicKey(publicPem).export({ type: "spki", format: "pem" })).toBe(derived)
  })

  test("a kubeconfig holds everything inline and one context, which is current", async () => {
    const credential = { certificatePem: "certificate", keyPem: "key" }
    const text = kubeconfig({ server: "https://10.89.1.2:6443", caPem: "ca", user: "admin", credential })
    const config = JSON.parse(text)
    expect(config.contexts).toHaveLength(1)
    expect(config["current-context"]).toBe(config.contexts[0].name)
    expect(config.clusters[0].cluster).toEqual({
      server: "https://10.89.1.2:6443",
      "certificate-authority-data": Buffer.from("ca").toString("base64"),
    })
  })
})
