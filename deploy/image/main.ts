/**
 * `bun run images [--version X.Y.Z] [--arch amd64,arm64] [NAME…]`: OCI layouts in dist/images/NAME, made of compiled programs and
 * pinned packages of Debian; no container engine and no registry is needed. Prints `NAME DIGEST` lines.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import packageJson from "../../package.json" with { type: "json" }
import { compile } from "../build.ts"
import type { ImageName } from "../publicImages.ts"
import { releasedName, targetNamed } from "../targets.ts"
import { buildProductImage, imageTargets, productImages } from "./productImage.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = join(root, "dist", "images")

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    version: { type: "string", default: packageJson.version },
    arch: { type: "string", default: Object.keys(imageTargets).join(",") },
  },
})
const { version } = values
const architectures = values.arch.split(",")
const names = positionals.length > 0 ? positionals : Object.keys(productImages)
const isImage = (name: string): name is ImageName => Object.hasOwn(productImages, name)
const chosen = names.filter(isImage)
if (chosen.length < names.length || architectures.some((one) => imageTargets[one] === undefined)) {
  console.error(
    `usage: bun run images [--version X.Y.Z] [--arch ${Object.keys(imageTargets)}] [${Object.keys(productImages).join("|")}…]`,
  )
  process.exit(2)
}

const programs = join(root, "dist", "programs")
mkdirSync(programs, { recursive: true })
for (const name of chosen) {
  for (const program of productImages[name].programs) {
    for (const architecture of architectures) {
      const target = targetNamed(imageTargets[architecture] ?? "")
      compile(program, join(programs, releasedName(program, target)), { target, version })
    }
  }
  console.log(name, await buildProductImage({ name, version, architectures, programs, directory: join(folder, name) }))
}
