import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import packageJson from "../../package.json" with { type: "json" }
import { compile } from "../build.ts"
import { commandWords } from "../commandWords.ts"
import type { ImageName } from "../publicImages.ts"
import { releasedName, targetNamed } from "../targets.ts"
import { buildProductImage, imageTargets, productImages } from "./productImage.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = join(root, "dist", "images")

const usage = `usage: bun run images [--version X.Y.Z] [--arch ${Object.keys(imageTargets)}] [${Object.keys(productImages).join("|")}…]
OCI layouts in dist/images/NAME, made of compiled programs and pinned packages of Debian; no container engine and no registry is needed.
Prints \`NAME DIGEST\` lines.`
const { values, positionals, refuse } = commandWords(usage, {
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
for (const name of names) if (!isImage(name)) refuse(`no image ${name}`)
for (const one of architectures) if (imageTargets[one] === undefined) refuse(`no architecture ${one}`)

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
