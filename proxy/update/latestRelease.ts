import { createHash } from "node:crypto"
import { type JsonRequest, type Route, requestJson } from "../../platform/outbound.ts"
import { verifySshSignature } from "./sshSignature.ts"

/** What a release key signs for; a signature for anything else does not count. */
export const releaseNamespace = "clusterconnect-release"

/** The relay offers no release: the file is not there. */
export class NoRelease extends Error {
  override readonly name = "NoRelease"
}

/** What the relay offers is not what its makers signed. Nothing of it may be used. */
export class ReleaseNotTrusted extends Error {
  override readonly name = "ReleaseNotTrusted"
}

/** How the relay is reached, and what ends the asking. */
export type Asking = Route & Pick<JsonRequest, "signal">

/** The largest of these files is the list of checksums: 100 bytes for each file of a release. */
const maxFileBytes = 64 * 1024
const fileMillis = 5_000

/**
 * The version that the relay's /download/ folder holds, which is believed because it is in the list of checksums that a release
 * key signed. Rejects with {@link NoRelease}, {@link ReleaseNotTrusted}, `SignatureInvalid`, or what `requestJson` rejects with.
 */
export const latestRelease = async (relay: string, publicKeys: readonly string[], route: Asking): Promise<string> => {
  const file = async (name: string) => {
    const url = new URL(`/download/${name}`, relay)
    const { status, text } = await requestJson(url, { ...route, maxBodyBytes: maxFileBytes, timeoutMillis: fileMillis })
    if (status !== 200) throw new NoRelease(`${url} answered ${status}, expected a file of a signed release`)
    return text
  }
  const sums = await file("SHA256SUMS")
  verifySshSignature(Buffer.from(sums), await file("SHA256SUMS.sig"), releaseNamespace, publicKeys)
  const version = await file("version.txt")
  const listed = sums.split("\n").filter((line) => line.endsWith("  version.txt"))
  const hash = createHash("sha256").update(version).digest("hex")
  if (listed.length !== 1 || listed[0] !== `${hash}  version.txt`)
    throw new ReleaseNotTrusted(`version.txt at ${relay} is not the one that was signed`)
  return version.trim()
}

/** Base64 key blobs of an allowed_signers file. */
export const allowedKeys = (text: string): readonly string[] =>
  text
    .split("\n")
    .flatMap((line) => (line.startsWith("#") ? [] : (/ ssh-ed25519 ([A-Za-z0-9+/=]+)/.exec(line)?.[1] ?? [])))

/** By semantic versioning's order, with `Bun.semver`. A version that is none is never newer. */
export const isNewer = (offered: string, running: string): boolean => {
  try {
    return Bun.semver.order(offered, running) > 0
  } catch {
    return false
  }
}
