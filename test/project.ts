import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** The checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Files that git tracks or would track, as absolute paths. */
export const projectFiles = (): readonly string[] => {
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root })
  if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.stderr}`)
  return String(listed.stdout)
    .split("\0")
    .filter((path) => path !== "" && existsSync(join(root, path)))
    .map((path) => join(root, path))
}

/** The TypeScript sources among {@link projectFiles}. */
export const sourceFiles = (): readonly string[] => projectFiles().filter((path) => path.endsWith(".ts"))
