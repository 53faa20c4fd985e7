import { spawnSync } from "node:child_process"
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { compile, programs } from "../build.ts"
import { buildProductImage, imageTargets, productImages } from "../image/productImage.ts"
import { chartArchiveName, writeChartArchive } from "../manifests/chartArchive.ts"
import { installation, manifestText } from "../manifests/installation.ts"
import { kustomizeArchiveName, writeKustomizeArchive } from "../manifests/kustomizeArchive.ts"
import { type ImageName, publicImages } from "../publicImages.ts"
import { releasedName, targetNamed, targetsOf } from "../targets.ts"
import { sha256Of, writeChecksums } from "./checksums.ts"
import { krewArchive, krewManifest, krewPlatforms } from "./krew.ts"
import { sbom } from "./sbom.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = join(root, "dist", "release")

/** Makes every file of a release but the signature, in a folder that it returns, and the images in dist/images/. The krew manifest needs the public URL. */
export const makeRelease = async (version: string, downloads: string | undefined): Promise<string> => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  compileAll(version)
  await packImages(version)
  await packPlugins(version, downloads)
  writeFileSync(join(folder, "clusterconnect.cdx.json"), sbom(version))
  writeFileSync(join(folder, "version.txt"), `${version}\n`)
  for (const script of ["install.sh", "install.ps1"])
    copyFileSync(join(root, "deploy", "release", script), join(folder, script))
  await writeChecksums(folder)
  return folder
}

const compileAll = (version: string): void => {
  for (const program of Object.keys(programs))
    for (const target of targetsOf(program)) {
      const name = releasedName(program, target)
      compile(program, join(folder, name), { target, version })
      console.error(`built ${name}`)
    }
}

/** The images, and what installs them by their digests. */
const packImages = async (version: string): Promise<void> => {
  const digests = new Map<ImageName, string>()
  for (const name of Object.keys(productImages) as ImageName[]) {
    const options = { name, version, architectures: Object.keys(imageTargets), programs: folder }
    const digest = await buildProductImage({ ...options, directory: join(root, "dist", "images", name) })
    digests.set(name, digest)
    await writeChartArchive(name, { version, digest }, join(folder, chartArchiveName(name, version)))
    console.error(`built the image ${name}`)
  }
  const imageOf = (name: ImageName) => `${publicImages[name]}:${version}@${digests.get(name)}`
  writeFileSync(join(folder, "images.txt"), [...digests.keys()].map((name) => `${imageOf(name)}\n`).join(""))
  const digest = digests.get("clusterconnect") as string
  await writeKustomizeArchive({ version, digest }, join(folder, kustomizeArchiveName(version)))
  writeFileSync(join(folder, "install.yaml"), manifestText(installation({ image: imageOf("clusterconnect") })))
}

/** The client's archives for krew, and its manifest. */
const packPlugins = async (version: string, downloads: string | undefined): Promise<void> => {
  const sums = new Map<string, string>()
  for (const { target } of krewPlatforms) {
    archive(target)
    sums.set(krewArchive(target), await sha256Of(join(folder, krewArchive(target))))
  }
  if (downloads !== undefined)
    writeFileSync(
      join(folder, "clusterconnect.krew.yaml"),
      krewManifest(version, downloads, (name) => sums.get(name) ?? ""),
    )
}

/** The same bytes for the same files: sorted, without owners, times or gzip's own time. */
const archive = (target: string): void => {
  const { executableSuffix } = targetNamed(target)
  const work = mkdtempSync(join(root, "dist", "archive-"))
  try {
    const plugin = `kubectl-clusterconnect${executableSuffix}`
    linkSync(join(folder, releasedName("clusterconnect", targetNamed(target))), join(work, plugin))
    copyFileSync(join(root, "LICENSE"), join(work, "LICENSE"))
    const command = `tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwx,go=rx -cf - LICENSE "$0" | gzip -n -1 > "$1"`
    const { status, stderr } = spawnSync("sh", ["-c", command, plugin, join(folder, krewArchive(target))], {
      cwd: work,
    })
    if (status !== 0) throw new Error(`the archive for ${target} failed: ${stderr}`)
  } finally {
    rmSync(work, { recursive: true })
  }
}
