import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { TarEntry } from "../image/tarArchive.ts"
import { type BaseOptions, kustomizeBase } from "./kustomize.ts"
import { writeCompressed } from "./writeCompressed.ts"

const crds = ["clusterconnect.yaml", "kustomization.yaml"]

export const kustomizeArchiveName = (version: string): string => `clusterconnect-kustomize-${version}.tgz`

/** The folders `crds` and `operator` for kustomize: what a source of Flux or Argo CD holds. The same options give the same bytes. */
export const writeKustomizeArchive = async (options: BaseOptions, file: string): Promise<void> => {
  const entry = (path: string, content: string | Buffer): TarEntry => ({
    type: "file",
    path,
    mode: 0o644,
    content: Buffer.from(content),
  })
  await writeCompressed(file, [
    ...crds.map((name) =>
      entry(`crds/${name}`, readFileSync(fileURLToPath(new URL(`../../crds/${name}`, import.meta.url)))),
    ),
    ...Object.entries(kustomizeBase(options)).map(([name, text]) => entry(`operator/${name}`, text)),
  ])
}
