import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { rename } from "node:fs/promises"
import { join } from "node:path"
import type { WrittenFile } from "./tarArchive.ts"

/** image-spec v1.1, descriptor.md, as far as used. */
export interface Descriptor {
  readonly mediaType: string
  /** "sha256:…" */
  readonly digest: string
  readonly size: number
  readonly platform?: { readonly os: string; readonly architecture: string }
  readonly annotations?: Readonly<Record<string, string>>
}

export const media = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
} as const

/** A directory in the form of image-spec v1.1, image-layout.md: blobs by their digest, and index.json. */
export class OciLayout {
  readonly directory: string
  readonly #blobs: string

  /** Makes the directory, or what is missing of it. */
  constructor(directory: string) {
    this.directory = directory
    this.#blobs = join(directory, "blobs", "sha256")
    mkdirSync(this.#blobs, { recursive: true })
    writeFileSync(join(directory, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }))
  }

  addJson(mediaType: string, value: unknown): Descriptor {
    const bytes = Buffer.from(JSON.stringify(value))
    const sha256 = createHash("sha256").update(bytes).digest("hex")
    writeFileSync(join(this.#blobs, sha256), bytes)
    return { mediaType, digest: `sha256:${sha256}`, size: bytes.length }
  }

  /** Whatever `write` puts into the file whose path it gets becomes a blob. */
  async addFile(mediaType: string, write: (file: string) => Promise<WrittenFile>): Promise<Descriptor> {
    const work = mkdtempSync(join(this.directory, "writing-"))
    try {
      const file = join(work, "blob")
      const { sha256, bytes } = await write(file)
      await rename(file, join(this.#blobs, sha256))
      return { mediaType, digest: `sha256:${sha256}`, size: bytes }
    } finally {
      rmSync(work, { recursive: true })
    }
  }

  /** index.json; all that it names must have been added. */
  writeIndex(manifests: readonly Descriptor[]): void {
    writeFileSync(
      join(this.directory, "index.json"),
      JSON.stringify({ schemaVersion: 2, mediaType: media.index, manifests }),
    )
  }
}
