import { gzip } from "./gzip.ts"
import { type LayerContent, layerEntries } from "./layerEntries.ts"
import { type Descriptor, media, type OciLayout } from "./OciLayout.ts"
import { writeTar } from "./tarArchive.ts"

export interface Image {
  /** GOARCH: "amd64", "arm64". */
  readonly architecture: string
  readonly layers: readonly LayerContent[]
  readonly entrypoint: readonly string[]
  readonly command?: readonly string[]
  /** "65532:65532"; default root. */
  readonly user?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  /** What is pushed should be compressed; what only moves on this machine should not. */
  readonly compression: "gzip" | "none"
}

/**
 * Puts an image for Linux into the layout and returns its manifest's descriptor. Nothing in it depends on the time or on this
 * machine: equal inputs give equal digests.
 */
export async function addImage(layout: OciLayout, image: Image): Promise<Descriptor> {
  const layers: Descriptor[] = []
  const diffIds: string[] = []
  for (const content of image.layers) {
    const isCompressed = image.compression === "gzip"
    layers.push(
      await layout.addFile(isCompressed ? `${media.layer}+gzip` : media.layer, async (file) => {
        const written = await writeTar(file, layerEntries(content))
        diffIds.push(`sha256:${written.sha256}`)
        return isCompressed ? await gzip(file) : written
      }),
    )
  }
  const platform = { os: "linux", architecture: image.architecture }
  const config = layout.addJson(media.config, {
    ...platform,
    config: {
      Entrypoint: image.entrypoint,
      ...(image.command === undefined ? {} : { Cmd: image.command }),
      ...(image.user === undefined ? {} : { User: image.user }),
      Env: Object.entries({ PATH: "/usr/local/bin:/usr/bin:/bin", ...image.environment }).map((pair) => pair.join("=")),
      ...(image.labels === undefined ? {} : { Labels: image.labels }),
    },
    rootfs: { type: "layers", diff_ids: diffIds },
  })
  const manifest = layout.addJson(media.manifest, { schemaVersion: 2, mediaType: media.manifest, config, layers })
  return { ...manifest, platform }
}
