import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { mustRun } from "../process/runProgram.ts"
import type { Registry } from "./startRegistry.ts"

/**
 * Pushes manifests as the artifact that a Flux OCIRepository takes, under a name with a tag ("app:main"). Files by their
 * path in it ("deploy/kustomization.yaml"); returns the reference by digest.
 */
export async function pushManifests(
  registry: Registry,
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const work = mkdtempSync(join(tmpdir(), "clusterconnect-manifests-"))
  try {
    const folder = join(work, "files")
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    const archive = join(work, "manifests.tar")
    await mustRun("tar", ["--create", "--file", archive, "--directory", folder, "."])
    return await registry.pushArchive(archive, name)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
