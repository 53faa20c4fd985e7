/**
 * `bun deploy/release/keys.ts [--check]`: copies deploy/release/allowed_signers, the one place of the release keys, to where it has
 * to be embedded: the install scripts (a stranger has nothing but the script) and the client.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
export const allowedSigners = join(root, "deploy", "release", "allowed_signers")

const copies = ["deploy/release/install.sh", "deploy/release/install.ps1", "proxy/update/releaseKeys.ts"]
const embedded = /(BEGIN RELEASE KEYS\n)[\s\S]*?(?=[^\n]*END RELEASE KEYS)/

const keyLines = (): string => {
  const lines = readFileSync(allowedSigners, "utf8").split("\n")
  return `${lines.filter((line) => line !== "" && !line.startsWith("#")).join("\n")}\n`
}

/** The copy's text with the keys of allowed_signers in it. */
const withKeys = (path: string, text: string): string => {
  const [head] = embedded.exec(text) ?? []
  if (head === undefined) throw new Error(`${path} has no place for the release keys`)
  const wrap = path.endsWith(".sh")
    ? (keys: string) => `release_keys='${keys.trimEnd()}'\n`
    : path.endsWith(".ps1")
      ? (keys: string) => `$ReleaseKeys = @'\n${keys}'@\n`
      : (keys: string) => `export const releaseKeys = \`${keys}\`\n`
  return text.replace(embedded, (_all, begin: string) => begin + wrap(keyLines()))
}

if (import.meta.main) {
  for (const path of copies) {
    const text = readFileSync(join(root, path), "utf8")
    const wanted = withKeys(path, text)
    if (wanted === text) continue
    if (process.argv.includes("--check")) {
      console.error(`${path} does not hold the keys of deploy/release/allowed_signers: bun run release-keys`)
      process.exitCode = 1
    } else writeFileSync(join(root, path), wanted)
  }
}
