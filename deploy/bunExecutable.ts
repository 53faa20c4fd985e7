import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { lockedPackages } from "./lockfile.ts"
import type { Target } from "./targets.ts"

const cacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "clusterconnect", "bun-executables")

/** What npm delivered is not what bun.lock names. */
export class IntegrityMismatch extends Error {
  override readonly name = "IntegrityMismatch"
}

/** Throws {@link IntegrityMismatch} unless the bytes have the hash that bun.lock holds. */
export const checkIntegrity = (what: string, bytes: Uint8Array, integrity: string): void => {
  const found = `sha512-${createHash("sha512").update(bytes).digest("base64")}`
  if (found !== integrity)
    throw new IntegrityMismatch(`${what}: its hash is ${found}, bun.lock says ${integrity}; nothing was built from it`)
}

const ran = (command: string, args: readonly string[], cwd: string): void => {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" })
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? stderr}`)
}

/**
 * The path of Bun's executable for the target, which a compiled program is appended to. Fetched once with npm (and so with the
 * user's own registry settings), checked against bun.lock before it is unpacked, and kept in the user's cache by its hash.
 */
export const bunExecutable = ({ bunPackage, executableSuffix }: Target): string => {
  const locked = lockedPackages().get(bunPackage)
  if (locked === undefined) throw new Error(`bun.lock does not name ${bunPackage}`)
  const hash = Buffer.from(locked.integrity.slice("sha512-".length), "base64").toString("hex").slice(0, 32)
  const cache = cacheFolder()
  const kept = join(cache, `${bunPackage.split("/")[1]}-${locked.version}-${hash}`)
  const executable = join(kept, "package", "bin", `bun${executableSuffix}`)
  if (existsSync(executable)) return executable
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, "fetching-"))
  try {
    ran("npm", ["pack", "--silent", "--ignore-scripts", `${bunPackage}@${locked.version}`], work)
    const tarball = `oven-${bunPackage.split("/")[1]}-${locked.version}.tgz`
    checkIntegrity(bunPackage, readFileSync(join(work, tarball)), locked.integrity)
    ran("tar", ["-xzf", tarball], work)
    rmSync(join(work, tarball))
    if (!existsSync(kept)) renameSync(work, kept)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return executable
}
