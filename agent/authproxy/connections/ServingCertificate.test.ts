import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { writeFileAtomic } from "../../../platform/files.ts"
import { certificateAuthority, type KeyPair } from "../../../platform/fixtures/certificateAuthority.ts"
import { refusedReads } from "../../../platform/fixtures/refusedReads.ts"
import { ServingCertificate, type ServingCertificateState } from "./ServingCertificate.ts"

test("a certificate that cannot be read when it changes is read again until it can be, and reported once", async () => {
  const directory = mkdtempSync(join(tmpdir(), "serving-certificate-"))
  const files = { certFile: join(directory, "tls.crt"), keyFile: join(directory, "tls.key") }
  const replace = async ({ cert, key }: KeyPair) => {
    await writeFileAtomic(files.keyFile, key)
    await writeFileAtomic(files.certFile, cert)
  }
  const authority = await certificateAuthority()
  await replace(await authority.issue("one.test"))
  const states: ServingCertificateState[] = []
  const used = Promise.withResolvers<void>()
  const certificate = new ServingCertificate(
    files,
    (state) => {
      states.push(state)
      if (state.failure === undefined) used.resolve()
    },
    { pollMillis: 5 },
  )
  const first = certificate.state.fingerprint256
  try {
    using reads = refusedReads(directory)
    reads.fault = "EMFILE"
    const many = reads.refusals(3)
    await replace(await authority.issue("two.test"))
    await many
    expect(states).toEqual([{ ...certificate.state, failure: expect.stringContaining("EMFILE") }])
    reads.fault = "EACCES"
    await reads.refusals(3)
    expect(states.slice(1)).toEqual([{ ...certificate.state, failure: expect.stringContaining("EACCES") }])
    expect(certificate.state.fingerprint256).toBe(first)
    reads.fault = undefined
    await used.promise
    expect(states).toHaveLength(3)
    expect(certificate.state.fingerprint256).not.toBe(first)
  } finally {
    certificate.close()
    rmSync(directory, { recursive: true })
  }
})
