import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { type DebianPackage, debianPins } from "./debianPins.ts"

/** A package is not to be had, or not the one that is pinned. */
export class PackageUnavailable extends Error {
  override readonly name = "PackageUnavailable"
}

/** apt's own downloader: it takes the machine's proxy settings, and keeps no file whose hash is another. */
const APT_HELPER = "/usr/lib/apt/apt-helper"

/**
 * Roots of Debian's archive, the likeliest first: `CLUSTERCONNECT_DEBIAN_MIRROR` alone, else those that this machine's apt is set up
 * for. Which one it is does not matter: what comes from it is compared with a pinned hash.
 */
export const debianMirrors = (): readonly string[] => {
  const named = process.env.CLUSTERCONNECT_DEBIAN_MIRROR
  if (named !== undefined && named !== "") return [named.replace(/\/$/, "")]
  const { stdout, error } = spawnSync("apt-get", ["update", "--print-uris"], { encoding: "utf8" })
  if (error !== undefined)
    throw new PackageUnavailable(`images are made of Debian's packages with apt: ${error.message}`)
  return [...new Set([...stdout.matchAll(/^'([^']+)\/dists\//gm)].map((found) => found[1] ?? ""))]
}

export const pinned = (name: string, architecture: string): DebianPackage => {
  const found = debianPins.find(
    (one) => one.name === name && (one.architecture === architecture || one.architecture === "all"),
  )
  if (found === undefined) throw new PackageUnavailable(`debianPins.ts has no ${name} for ${architecture}`)
  return found
}

/**
 * Directory of the package's unpacked files, with its control file as `control` beside `root`. Fetched once, compared with the
 * pinned hash before anything reads it, and kept in the user's cache by that hash.
 */
export const unpacked = (one: DebianPackage): { readonly root: string; readonly control: string } => {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "clusterconnect", "debian")
  const kept = join(cache, one.sha256)
  if (!existsSync(kept)) {
    mkdirSync(cache, { recursive: true })
    const work = mkdtempSync(join(cache, "fetching-"))
    try {
      const archive = download(one, join(work, "package.deb"))
      ran("dpkg-deb", ["--extract", archive, join(work, "root")])
      ran("dpkg-deb", ["--control", archive, join(work, "control")])
      rmSync(archive)
      if (!existsSync(kept)) renameSync(work, kept)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }
  return { root: join(kept, "root"), control: join(kept, "control", "control") }
}

const download = ({ name, version, path, sha256 }: DebianPackage, into: string): string => {
  const problems: string[] = []
  for (const mirror of debianMirrors()) {
    const words = ["download-file", `${mirror}/${path}`, into, `SHA256:${sha256}`]
    const { status, stderr, error } = spawnSync(APT_HELPER, words, { encoding: "utf8" })
    if (status === 0 && createHash("sha256").update(readFileSync(into)).digest("hex") === sha256) return into
    problems.push(`${mirror}: ${error?.message ?? stderr.trim()}`)
  }
  throw new PackageUnavailable(
    `${name} ${version} of ${sha256} is at no mirror; if Debian replaced it: bun deploy/image/repin.ts, or let CLUSTERCONNECT_DEBIAN_MIRROR name an archive that keeps it\n${problems.join("\n")}`,
  )
}

const ran = (command: string, args: readonly string[]): void => {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" })
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? stderr}`)
}
