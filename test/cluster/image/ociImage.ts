import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { addImage, type Image } from "../../../deploy/image/addImage.ts"
import { InvalidImage, type LayerContent } from "../../../deploy/image/layerEntries.ts"
import { OciLayout } from "../../../deploy/image/OciLayout.ts"
import { writeTar } from "../../../deploy/image/tarArchive.ts"

export interface ImageOptions extends LayerContent, Omit<Image, "architecture" | "layers" | "compression"> {
  /** Full reference with registry and tag, "clusterconnect.test/busybox:1": what pods name. */
  readonly name: string
  /** The archive that is written. */
  readonly output: string
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" }

/**
 * Writes an OCI image layout of one layer as a tar, for Linux on this machine's architecture, as `ctr images import` takes it.
 * Equal inputs give an equal archive. Returns the manifest's digest, "sha256:…".
 */
export async function ociImage({ name, output, files, directories = [], ...image }: ImageOptions): Promise<string> {
  if (!/^[^/]*[.:][^/]*\/[^:@]+:[^:@/]+$/.test(name)) {
    throw new InvalidImage(`image name "${name}": expected registry/name:tag`)
  }
  const work = mkdtempSync(join(tmpdir(), "clusterconnect-image-"))
  try {
    const layout = new OciLayout(work)
    const architecture = ARCHITECTURES[process.arch] ?? process.arch
    const layers = [{ files, directories }]
    const manifest = await addImage(layout, { ...image, architecture, layers, compression: "none" })
    const annotations = {
      "io.containerd.image.name": name,
      "org.opencontainers.image.ref.name": name.slice(name.lastIndexOf(":") + 1),
    }
    layout.writeIndex([{ ...manifest, annotations }])
    await writeTar(output, layoutEntries(work))
    return manifest.digest
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function layoutEntries(directory: string) {
  const blobs = readdirSync(join(directory, "blobs", "sha256")).sort()
  return ["oci-layout", "index.json", ...blobs.map((name) => `blobs/sha256/${name}`)].map((path) => ({
    type: "file" as const,
    path,
    mode: 0o644,
    source: join(directory, path),
  }))
}
