import "reflect-metadata"
import { describe, expect, test } from "bun:test"
import { X509Certificate } from "node:crypto"
import type * as net from "node:net"
import * as tls from "node:tls"
import { BasicConstraintsExtension, X509Certificate as Decoded } from "@peculiar/x509"
import { type CertificateAndKey, newLeaf, newRoot } from "./certificates.ts"

const now = new Date("2026-05-01T12:00:00.987Z")
const today = new Date()
const name = "edge-1.clusterconnect.internal"
const root = await newRoot("edge-1", 20, now)
const leaf = await newLeaf(root, "edge-1", 10, now)

/** A TLS 1.3 handshake of a client that trusts only `ca` and expects `servername`: "connected", or why not. */
const handshake = async (served: CertificateAndKey, ca: string, servername: string): Promise<string> => {
  const server = tls.createServer({ cert: served.certificatePem, key: served.keyPem, minVersion: "TLSv1.3" })
  server.on("tlsClientError", () => {})
  server.on("secureConnection", (socket) => socket.on("error", () => {}))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as net.AddressInfo
  try {
    return await new Promise((resolve) => {
      const socket = tls.connect({
        host: "127.0.0.1",
        port,
        ca,
        servername,
        minVersion: "TLSv1.3",
        rejectUnauthorized: true,
      })
      socket.on("secureConnect", () => {
        socket.destroy()
        resolve("connected")
      })
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    })
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

describe("the serving certificate", () => {
  test("is issued by the root, for the cluster's name and server authentication only, and is no authority", () => {
    const certificate = new X509Certificate(leaf.certificatePem)
    const issuer = new X509Certificate(root.certificatePem)
    expect(certificate.checkIssued(issuer)).toBe(true)
    expect(certificate.verify(issuer.publicKey)).toBe(true)
    expect(certificate.subjectAltName).toBe(`DNS:${name}`)
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"])
    const authority = (pem: string) => new Decoded(pem).getExtension(BasicConstraintsExtension)
    expect(authority(leaf.certificatePem)).toMatchObject({ ca: false, critical: true })
    expect(authority(root.certificatePem)).toMatchObject({ ca: true, pathLength: 0, critical: true })
  })
  test("is good from an hour before it was made, for its days", () => {
    const certificate = new X509Certificate(leaf.certificatePem)
    expect(new Date(certificate.validFrom).toISOString()).toBe("2026-05-01T11:00:00.000Z")
    expect(new Date(certificate.validTo).toISOString()).toBe("2026-05-11T12:00:00.000Z")
  })
  test("never outlives its root", async () => {
    const long = new X509Certificate((await newLeaf(root, "edge-1", 1000, now)).certificatePem)
    expect(long.validTo).toBe(new X509Certificate(root.certificatePem).validTo)
  })
  test("has whole seconds also beyond 2050, where the encoding changes", async () => {
    const late = await newRoot("edge-1", 3653, new Date("2045-05-01T12:00:00.987Z"))
    const { validTo } = new X509Certificate(
      (await newLeaf(late, "edge-1", 3653, new Date("2045-05-01T12:00:00.987Z"))).certificatePem,
    )
    expect(new Date(validTo).toISOString()).toBe("2055-05-02T12:00:00.000Z")
  })
  test("has a positive serial number of its own each time", async () => {
    const serials = await Promise.all(
      Array.from(
        { length: 20 },
        async () => new X509Certificate((await newRoot("a", 1, now)).certificatePem).serialNumber,
      ),
    )
    expect(new Set(serials).size).toBe(20)
    for (const serial of serials) expect(serial.length === 32 && /^[89A-F]/.test(serial)).toBe(false)
  })
})

describe("in a TLS handshake", () => {
  test("the serving certificate is accepted by who trusts the root and asks for the cluster's name", async () => {
    const fresh = await newRoot("edge-1", 20, today)
    expect(await handshake(await newLeaf(fresh, "edge-1", 10, today), fresh.certificatePem, name)).toBe("connected")
  })
  test("S22: one that is not under the root is refused", async () => {
    const [fresh, other] = await Promise.all([newRoot("edge-1", 20, today), newRoot("edge-1", 20, today)])
    const said = await handshake(await newLeaf(other, "edge-1", 10, today), fresh.certificatePem, name)
    expect(said).not.toBe("connected")
  })
  test("another cluster's name is refused under the same root", async () => {
    const fresh = await newRoot("edge-1", 20, today)
    const served = await newLeaf(fresh, "edge-2", 10, today)
    expect(await handshake(served, fresh.certificatePem, name)).toBe("ERR_TLS_CERT_ALTNAME_INVALID")
  })
  test("an expired one is refused", async () => {
    const fresh = await newRoot("edge-1", 4000, new Date("2020-01-01"))
    const served = await newLeaf(fresh, "edge-1", 10, new Date("2020-01-01"))
    expect(await handshake(served, fresh.certificatePem, name)).toBe("CERT_HAS_EXPIRED")
  })
  test("a leaf cannot issue: a certificate made with its key is refused", async () => {
    const fresh = await newRoot("edge-1", 20, today)
    const served = await newLeaf(fresh, "edge-1", 10, today)
    const forged = await newLeaf(served, "edge-1", 10, today)
    const chain = { ...forged, certificatePem: forged.certificatePem + served.certificatePem }
    expect(await handshake(chain, fresh.certificatePem, name)).not.toBe("connected")
  })
})
