import { createHash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { type TarEntry, writeTar } from "./tarWriter.ts"

export interface ImageFile {
  /** Absolute path in the image. */
  readonly path: string
  /** Default 0644. */
  readonly mode?: number
  /** One of three: text or bytes, a file of this machine, or the target of a symlink. */
  readonly content?: string | Uint8Array
  readonly source?: string
  readonly target?: string
}

export interface ImageOptions {
  /** Full reference with registry and tag, "clusterconnect.test/busybox:1": what pods name. */
  readonly name: string
  readonly files: readonly ImageFile[]
  /** Directories beyond the parents of the files, with their modes. */
  readonly directories?: readonly { readonly path: string; readonly mode: number }[]
  readonly entrypoint: readonly string[]
  readonly command?: readonly string[]
  /** "65532:65532"; default root. */
  readonly user?: string
  readonly environment?: Readonly<Record<string, string>>
  /** The archive that is written. */
  readonly output: string
}

/** An image without a fully qualified name, or a file that says not what it is. */
export class InvalidImage extends Error {
  override readonly name = "InvalidImage"
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" }
const MEDIA = "application/vnd.oci.image"

/**
 * Writes an OCI image layout (image-spec v1.1, image-layout.md) of one layer as a tar, for Linux on this machine's
 * architecture. Equal inputs give an equal archive. Returns the manifest's digest, "sha256:…".
 */
export function ociImage(options: ImageOptions): string {
  if (!/^[^/]*[.:][^/]*\/[^:@]+:[^:@/]+$/.test(options.name)) {
    throw new InvalidImage(`image name "${options.name}": expected registry/name:tag`)
  }
  const work = mkdtempSync(join(tmpdir(), "clusterconnect-image-"))
  try {
    const layerFile = join(work, "layer.tar")
    const layer = writeTar(layerFile, layerEntries(options))
    const config = json({
      architecture: ARCHITECTURES[process.arch] ?? process.arch,
      os: "linux",
      config: {
        Entrypoint: options.entrypoint,
        ...(options.command === undefined ? {} : { Cmd: options.command }),
        ...(options.user === undefined ? {} : { User: options.user }),
        Env: Object.entries({ PATH: "/usr/bin:/bin", ...options.environment }).map((pair) => pair.join("=")),
      },
      rootfs: { type: "layers", diff_ids: [`sha256:${layer.sha256}`] },
    })
    const manifest = json({
      schemaVersion: 2,
      mediaType: `${MEDIA}.manifest.v1+json`,
      config: descriptor(`${MEDIA}.config.v1+json`, config),
      layers: [{ mediaType: `${MEDIA}.layer.v1.tar`, digest: `sha256:${layer.sha256}`, size: layer.bytes }],
    })
    const annotations = {
      "io.containerd.image.name": options.name,
      "org.opencontainers.image.ref.name": options.name.slice(options.name.lastIndexOf(":") + 1),
    }
    const described = descriptor(`${MEDIA}.manifest.v1+json`, manifest)
    const index = json({
      schemaVersion: 2,
      mediaType: `${MEDIA}.index.v1+json`,
      manifests: [{ ...described, annotations }],
    })
    writeTar(options.output, [
      file("oci-layout", json({ imageLayoutVersion: "1.0.0" })),
      file("index.json", index),
      blob(config),
      blob(manifest),
      { type: "file", path: `blobs/sha256/${layer.sha256}`, mode: 0o644, source: layerFile },
    ])
    return described.digest
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function layerEntries(options: ImageOptions): readonly TarEntry[] {
  const modes = new Map<string, number>()
  const addParents = (path: string) => {
    for (let parent = dirname(path); parent !== "/"; parent = dirname(parent)) {
      if (!modes.has(parent)) modes.set(parent, 0o755)
    }
  }
  const files = options.files.map(layerFile)
  for (const { path, mode } of options.directories ?? []) {
    if (!path.startsWith("/")) throw new InvalidImage(`directory "${path}": expected an absolute path`)
    addParents(path)
    modes.set(path, mode)
  }
  for (const { path } of options.files) addParents(path)
  const directories = [...modes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, mode]): TarEntry => ({ type: "directory", path: path.slice(1), mode }))
  return [...directories, ...files]
}

function layerFile({ path, mode = 0o644, content, source, target }: ImageFile): TarEntry {
  const given = [content, source, target].filter((one) => one !== undefined).length
  if (!path.startsWith("/") || given !== 1) {
    throw new InvalidImage(`file "${path}": expected an absolute path and exactly one of content, source and target`)
  }
  const inside = path.slice(1)
  if (target !== undefined) return { type: "symlink", path: inside, target }
  if (source !== undefined) return { type: "file", path: inside, mode, source }
  return { type: "file", path: inside, mode, content: Buffer.from(content!) }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

function descriptor(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length }
}

function blob(bytes: Uint8Array): TarEntry {
  return file(`blobs/sha256/${sha256(bytes)}`, bytes)
}

function file(path: string, content: Uint8Array): TarEntry {
  return { type: "file", path, mode: 0o644, content }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex")
}
