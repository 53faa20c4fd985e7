import { readFile } from "node:fs/promises"
import { dirname } from "node:path"
import { makePrivateDirectory, withFileLock, writeFileAtomic } from "../../platform/files.ts"
import type { CertificateAndKey } from "../../protocol/certificates.ts"
import { newLocalAuthority, stillGood } from "./localCertificates.ts"

/**
 * The installation's certificate authority, made once and kept in one file of mode 0600, so that it is whole or not there. Several
 * proxies that start at once get the same one.
 */
export const localAuthority = async (path: string, now: Date): Promise<CertificateAndKey> => {
  await makePrivateDirectory(dirname(path))
  return await withFileLock(`${path}.lock`, async () => {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return ""
      throw error
    })
    const kept = stillGood(text, now)
    if (kept !== undefined) return kept
    const authority = await newLocalAuthority(now)
    await writeFileAtomic(path, `${authority.certificatePem}${authority.keyPem}`)
    return authority
  })
}
