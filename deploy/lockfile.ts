import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export interface LockedPackage {
  readonly name: string
  readonly version: string
  /** Subresource-integrity form, `sha512-…`. */
  readonly integrity: string
  /** Peers included; not what is optional for some platform, which no program of ours is bundled with. */
  readonly dependencies: readonly string[]
}

const lockfile = join(fileURLToPath(new URL("..", import.meta.url)), "bun.lock")

/** Every registry package in bun.lock, by the key it has there (a nested copy has its parents in front, `a/b`). */
export const lockedPackages = (text = readFileSync(lockfile, "utf8")): ReadonlyMap<string, LockedPackage> => {
  const { packages } = Bun.JSONC.parse(text) as { packages: Record<string, readonly unknown[]> }
  return new Map(
    Object.entries(packages).map(([key, [id, , about, integrity]]) => {
      const at = String(id).lastIndexOf("@")
      if (at < 1 || typeof integrity !== "string" || !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity))
        throw new Error(`bun.lock has no SHA-512 of ${key}: only packages from a registry can be released`)
      const { dependencies = {}, peerDependencies = {} } = about as Record<string, Record<string, string>>
      return [
        key,
        {
          name: String(id).slice(0, at),
          version: String(id).slice(at + 1),
          integrity,
          dependencies: Object.keys({ ...dependencies, ...peerDependencies }),
        },
      ]
    }),
  )
}
