import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { readdir, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { releaseNamespace } from "../../proxy/update/latestRelease.ts"

export const checksumsName = "SHA256SUMS"
export const signatureName = "SHA256SUMS.sig"

export const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash("sha256")
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest("hex")
}

/** Writes SHA256SUMS over every other file of the folder, sorted, in `sha256sum`'s form; a signature of an earlier one is removed. */
export const writeChecksums = async (folder: string): Promise<void> => {
  const names = (await readdir(folder)).filter((name) => name !== checksumsName && name !== signatureName).sort()
  const lines: string[] = []
  for (const name of names) lines.push(`${await sha256Of(join(folder, name))}  ${name}\n`)
  await rm(join(folder, signatureName), { force: true })
  await writeFile(join(folder, checksumsName), lines.join(""))
}

/** Signs SHA256SUMS with the private key at `keyPath` (OpenSSH's form, Ed25519) by `ssh-keygen`, which asks for its passphrase if it has one. */
export const signChecksums = (folder: string, keyPath: string): void => {
  const words = ["-Y", "sign", "-q", "-f", keyPath, "-n", releaseNamespace, join(folder, checksumsName)]
  const { status, stderr, error } = spawnSync("ssh-keygen", words, {
    stdio: ["inherit", "inherit", "pipe"],
    encoding: "utf8",
  })
  if (status !== 0) throw new Error(`ssh-keygen could not sign with ${keyPath}: ${error?.message ?? stderr}`)
}

/** Throws unless SHA256SUMS is signed by a key of the allowed_signers file: a release that nobody could verify is not made. */
export const verifyChecksums = async (folder: string, allowedSigners: string): Promise<void> => {
  const words = ["-Y", "verify", "-f", allowedSigners, "-I", "release@clusterconnect.dev", "-n", releaseNamespace]
  const { status, stderr, stdout } = spawnSync("ssh-keygen", [...words, "-s", join(folder, signatureName)], {
    input: await Bun.file(join(folder, checksumsName)).bytes(),
    encoding: "utf8",
  })
  if (status !== 0)
    throw new Error(
      `${folder} is not signed by a key of ${allowedSigners} (docs/release.md): ${stdout}${stderr}`.trim(),
    )
}
