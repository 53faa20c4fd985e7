import { readFileSync } from "node:fs"
import { dirname, relative, resolve } from "node:path"

/** Who may import whom, by top-level folder. What is not listed may import nothing local. */
export const allowedImports: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  identity: [],
  platform: [],
  crds: [],
  relay: ["protocol", "identity", "platform"],
  agent: ["protocol", "identity", "platform", "crds"],
  proxy: ["protocol", "identity", "platform"],
  operator: ["crds", "identity", "protocol", "platform"],
}

/** Packages that only one folder may import, so that security-relevant code exists once. */
const ownedPackages: Readonly<Record<string, string>> = { jose: "identity" }

/** Folders outside the products: they may import anything, and nothing may import them. */
const outside = ["test", "deploy"]

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s[^"'`]*?from\s*["']([^"']+)["']|(?:^|\n)\s*import\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/g

/** The specifiers that a TypeScript file imports, in order, static and dynamic. */
export const importsOf = (source: string): readonly string[] =>
  [...source.matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? "")

/** Why `file` may not import `specifier`; undefined when it may. Test files are free, but for products of other folders importing them. */
export const violation = (root: string, file: string, specifier: string): string | undefined => {
  const [folder = ""] = relative(root, file).split("/")
  const isTest = file.endsWith(".test.ts")
  if (outside.includes(folder) || isTest) return undefined
  if (!specifier.startsWith(".")) {
    const owner = Object.entries(ownedPackages).find(([name]) => specifier === name || specifier.startsWith(`${name}/`))
    return owner !== undefined && owner[1] !== folder ? `only ${owner[1]}/ may import ${owner[0]}` : undefined
  }
  const target = relative(root, resolve(dirname(file), specifier))
  const [targetFolder = ""] = target.split("/")
  if (target === "package.json" || targetFolder === folder) return undefined
  if (allowedImports[folder]?.includes(targetFolder)) return undefined
  return `${folder}/ may import ${allowedImports[folder]?.join(", ") || "nothing local"}, not ${targetFolder}/`
}

/** All violations in the given files as `path: reason` lines. */
export const violations = (root: string, files: readonly string[]): readonly string[] =>
  files.flatMap((file) =>
    importsOf(readFileSync(file, "utf8")).flatMap((specifier) => {
      const reason = violation(root, file, specifier)
      return reason === undefined ? [] : [`${relative(root, file)}: imports ${specifier}: ${reason}`]
    }),
  )
