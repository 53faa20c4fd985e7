import { describe, expect, test } from "bun:test"
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as tls from "node:tls"
import { certificateAuthority } from "../fixtures/certificateAuthority.ts"
import { outboundBench } from "../fixtures/outboundBench.ts"
import { OutboundInvalid, reloadingRoots, trustedRoots } from "../outbound.ts"

const bench = outboundBench()
const { trusting } = bench

describe("trusted roots", () => {
  test("are added to the public ones", () => {
    expect(trusting().ca).toContain(
      bench.authority.cert.endsWith("\n") ? bench.authority.cert : `${bench.authority.cert}\n`,
    )
    expect(trusting().ca.length).toBeGreaterThan(tls.rootCertificates.length)
  })

  test("refuse a file that is absent, without certificates, or broken", async () => {
    const directory = await mkdtemp(join(tmpdir(), "roots-"))
    const file = join(directory, "ca.pem")
    expect(() => trustedRoots({ files: [file] })).toThrow(OutboundInvalid)
    await writeFile(file, "nothing here")
    expect(() => trustedRoots({ files: [file] })).toThrow(/no PEM certificate/)
    await writeFile(file, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    expect(() => trustedRoots({ files: [file] })).toThrow(/cannot be parsed/)
    await rm(directory, { recursive: true })
  })

  test("follow their file, and keep the last good ones when it breaks", async () => {
    const directory = await mkdtemp(join(tmpdir(), "roots-"))
    const file = join(directory, "ca.pem")
    const replace = async (text: string) => {
      await writeFile(`${file}.new`, text)
      await rename(`${file}.new`, file)
    }
    await replace((await certificateAuthority("old")).cert)
    const roots = reloadingRoots([file])
    const first = roots()
    expect(roots()).toBe(first)
    await replace(bench.authority.cert)
    const second = roots()
    expect(second.ca.join()).toContain(bench.authority.cert.trim())
    expect(second).not.toBe(first)
    await replace("broken")
    expect(roots()).toBe(second)
    await rm(directory, { recursive: true })
  })
})
