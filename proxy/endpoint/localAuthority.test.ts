import { afterAll, beforeAll, expect, test } from "bun:test"
import { X509Certificate } from "node:crypto"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { localAuthority } from "./localAuthority.ts"
import { newLocalLeaf } from "./localCertificates.ts"

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "clusterconnect-authority-"))
})
afterAll(() => rm(directory, { recursive: true }))

test("the authority is made once, privately, even by eight proxies that start at once", async () => {
  const path = join(directory, "state", "local-authority.pem")
  const all = await Promise.all(Array.from({ length: 8 }, () => localAuthority(path, new Date())))
  expect(new Set(all.map(({ certificatePem }) => certificatePem)).size).toBe(1)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(await localAuthority(path, new Date())).toEqual(all[0]!)
})
test("a damaged or ageing authority is made anew", async () => {
  const path = join(directory, "state2", "local-authority.pem")
  const first = await localAuthority(path, new Date())
  writeFileSync(path, readFileSync(path, "utf8").slice(0, 300))
  const second = await localAuthority(path, new Date())
  expect(second.certificatePem).not.toBe(first.certificatePem)
  const nineYears = new Date(Date.now() + 9 * 365 * 86_400_000)
  expect((await localAuthority(path, nineYears)).certificatePem).not.toBe(second.certificatePem)
})
test("an authority that is not valid yet (the clock was ahead), or whose key is not its own, is made anew", async () => {
  const path = join(directory, "state3", "local-authority.pem")
  const ahead = await localAuthority(path, new Date(Date.now() + 86_400_000))
  const now = await localAuthority(path, new Date())
  expect(now.certificatePem).not.toBe(ahead.certificatePem)
  for (const key of [ahead.keyPem, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]) {
    writeFileSync(path, `${now.certificatePem}${key}`)
    expect((await localAuthority(path, new Date())).certificatePem).not.toBe(now.certificatePem)
  }
})
test("its leaf is for the loopback names only and verifies under it", async () => {
  const authority = await localAuthority(join(directory, "state", "local-authority.pem"), new Date())
  const leaf = new X509Certificate((await newLocalLeaf(authority, new Date())).certificatePem)
  expect(leaf.verify(new X509Certificate(authority.certificatePem).publicKey)).toBe(true)
  expect(leaf.subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1")
  expect(leaf.ca).toBe(false)
})
