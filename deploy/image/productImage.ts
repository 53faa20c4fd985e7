import { mkdirSync, renameSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import packageJson from "../../package.json" with { type: "json" }
import { type ImageName, publicImages } from "../publicImages.ts"
import { releasedName, targetNamed } from "../targets.ts"
import { addImage } from "./addImage.ts"
import type { ImageDirectory, LayerContent } from "./layerEntries.ts"
import { media, OciLayout } from "./OciLayout.ts"
import { nonRoot, runtimeLayer } from "./runtimeLayer.ts"

interface ProductImage {
  readonly title: string
  /** In /usr/local/bin; the first is what runs when nobody names another. */
  readonly programs: readonly string[]
  readonly directories: readonly ImageDirectory[]
}

export const productImages: Readonly<Record<ImageName, ProductImage>> = {
  clusterconnect: {
    title: "ClusterConnect: operator, agent and auth proxy",
    programs: ["clusterconnect-operator", "clusterconnect-agent"],
    directories: [],
  },
  "clusterconnect-relay": {
    title: "ClusterConnect: relay",
    programs: ["clusterconnect-relay"],
    // A container engine gives a new volume the owner of what it covers.
    directories: [{ path: "/var/lib/clusterconnect", mode: 0o700, owner: nonRoot }],
  },
}

/** GOARCH of an image, and the target whose binaries it holds. */
export const imageTargets: Readonly<Record<string, string>> = { amd64: "linux-x64", arm64: "linux-arm64" }

export interface BuildOptions {
  readonly name: ImageName
  readonly version: string
  /** Keys of {@link imageTargets}. */
  readonly architectures: readonly string[]
  /** Holds the compiled programs under their released names. */
  readonly programs: string
  /** The OCI layout that is made, or made anew. */
  readonly directory: string
}

/**
 * Writes an OCI layout whose index.json names one image index over the architectures, and returns the index's digest: what a pod
 * names after `@`. The same programs, version and pins give the same digest on every machine. The programs get a layer of their
 * own each, so that what two images share is stored and pulled once.
 */
export const buildProductImage = async (options: BuildOptions): Promise<string> => {
  const { name, version, architectures, directory } = options
  const { title, programs, directories } = productImages[name]
  mkdirSync(dirname(directory), { recursive: true })
  const work = `${directory}.writing`
  rmSync(work, { recursive: true, force: true })
  const layout = new OciLayout(work)
  const labels = {
    "org.opencontainers.image.title": title,
    "org.opencontainers.image.version": version,
    "org.opencontainers.image.licenses": packageJson.license,
  }
  const manifests = []
  for (const architecture of architectures) {
    const { files, directories: shared = [] } = runtimeLayer(architecture)
    manifests.push(
      await addImage(layout, {
        architecture,
        layers: [
          { files, directories: [...shared, ...directories] },
          ...programs.map((program) => programLayer(options.programs, program, architecture)),
        ],
        entrypoint: [`/usr/local/bin/${programs[0]}`],
        user: `${nonRoot}:${nonRoot}`,
        labels,
        compression: "gzip",
      }),
    )
  }
  const index = layout.addJson(media.index, {
    schemaVersion: 2,
    mediaType: media.index,
    manifests,
    annotations: labels,
  })
  const annotations = {
    "io.containerd.image.name": `${publicImages[name]}:${version}`,
    "org.opencontainers.image.ref.name": version,
  }
  layout.writeIndex([{ ...index, annotations }])
  rmSync(directory, { recursive: true, force: true })
  renameSync(work, directory)
  return index.digest
}

const programLayer = (folder: string, program: string, architecture: string): LayerContent => {
  const target = targetNamed(imageTargets[architecture] ?? architecture)
  const source = join(folder, releasedName(program, target))
  return { files: [{ path: `/usr/local/bin/${program}`, source, mode: 0o755 }] }
}
