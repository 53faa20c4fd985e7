import { describe, expect, setSystemTime, test } from "bun:test"
import { rename, writeFile } from "node:fs/promises"
import { dirname } from "node:path"
import { writeFileAtomic } from "../files.ts"
import { GET, listenerBench, received } from "../fixtures/listenerBench.ts"
import { refusedReads } from "../fixtures/refusedReads.ts"
import { KeyPairInvalid, Listener } from "../tlsListener.ts"

const bench = listenerBench()
const { listening, replace, reported, secure } = bench

describe("a certificate", () => {
  test("that is replaced is shown to new connections, and no connection is lost", async () => {
    const listener = await listening()
    const before = await secure(listener)
    await replace(await bench.authority.issue("two.test", "localhost"))
    await reported("certificateReloaded")
    const after = await secure(listener)
    expect(before.getPeerCertificate().subjectaltname).toContain("one.test")
    expect(after.getPeerCertificate().subjectaltname).toContain("two.test")
    expect(after.getPeerCertificate().fingerprint256).toBe(listener.certificate?.fingerprint256 ?? "")
    before.write(GET)
    expect(await received(before, "GET /a")).toContain("200 OK")
  })

  test("that is broken leaves the one in use and is reported", async () => {
    const listener = await listening()
    await writeFile(`${bench.files.certFile}.new`, "broken")
    await rename(`${bench.files.certFile}.new`, bench.files.certFile)
    const [event] = await reported("certificateRefused")
    expect(event).toMatchObject({ type: "certificateRefused", error: { _tag: "KeyPairInvalid" } })
    expect((await secure(listener)).getPeerCertificate().subjectaltname).toContain("one.test")
  })

  test("that cannot be read when it changes is read again until it can be, and reported once", async () => {
    const listener = await listening({ tls: { ...bench.files, pollMillis: 5 } })
    using reads = refusedReads(dirname(bench.files.certFile))
    for (const [index, fault] of ["EMFILE", "EACCES"].entries()) {
      reads.fault = fault
      const many = reads.refusals(3)
      if (index === 0) await replace(await bench.authority.issue("two.test", "localhost"))
      await many
      const events = await reported("certificateRefused", index + 1)
      expect(events).toHaveLength(index + 1)
      expect(events.at(-1)).toMatchObject({ error: { unread: true, detail: expect.stringContaining(fault) } })
    }
    expect(listener.reload()?.unread).toBe(true)
    expect(await reported("certificateRefused", 3), "whoever asks is told again").toHaveLength(3)
    reads.fault = undefined
    await reported("certificateReloaded")
  })

  test("whose key is another's is refused, at a reload and at the start", async () => {
    const listener = await listening()
    const other = await bench.authority.issue("two.test")
    await writeFileAtomic(bench.files.keyFile, other.key)
    const refused = listener.reload()
    expect(refused).toBeInstanceOf(KeyPairInvalid)
    expect(refused?.message).toContain("does not belong")
    expect(refused?.message).not.toContain(other.key.split("\n")[1] ?? "")
    await expect(
      Listener.open({ host: "127.0.0.1", port: 0, tls: bench.files, onRequest: () => {} }),
    ).rejects.toBeInstanceOf(KeyPairInvalid)
  })

  test("that has expired does not replace one that has not, and is taken where there is no better one", async () => {
    const good = await listening()
    setSystemTime(Date.now() - 86_400_000)
    const expired = await bench.authority.issue("old.test", "localhost").finally(() => setSystemTime())
    await replace(expired)
    expect(good.reload()?.message).toContain("it expired at")
    expect((await secure(good)).getPeerCertificate().subjectaltname).toContain("one.test")
    const old = await listening()
    expect(old.reload()).toBeUndefined()
    await replace(await bench.authority.issue("two.test", "localhost"))
    expect(old.reload()).toBeUndefined()
    expect((await secure(old)).getPeerCertificate().subjectaltname).toContain("two.test")
  })

  test("needs at least the TLS version that is configured, after a reload too", async () => {
    const listener = await listening({ tls: { ...bench.files, minVersion: "TLSv1.3" } })
    const old = () => secure(listener, { maxVersion: "TLSv1.2" })
    await expect(old()).rejects.toThrow()
    expect(listener.reload()).toBeUndefined()
    await expect(old()).rejects.toThrow()
    expect((await secure(listener)).getProtocol()).toBe("TLSv1.3")
  })
})
