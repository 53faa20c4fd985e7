import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { lockFile } from "../process/FileLock.ts"
import { mustRun, ProgramFailed, runProgram } from "../process/runProgram.ts"
import { cacheDirectory } from "./cacheDirectory.ts"
import { contentKey, goFlags } from "./contentKey.ts"
import type { GoModule, Program } from "./modules.ts"

/** `go build` of one of the cluster's programs failed. */
export class BuildFailed extends Error {
  override readonly name = "BuildFailed"
}

/** Directory of the module's programs for the present go.mod, go.sum, flags and Go; it need not exist. */
export async function programsDirectory(module: GoModule): Promise<string> {
  const toolchain = await mustRun("go", ["env", "GOVERSION", "GOOS", "GOARCH"], { cwd: module.directory })
  const key = contentKey({
    goMod: readFileSync(join(module.directory, "go.mod"), "utf8"),
    goSum: readFileSync(join(module.directory, "go.sum"), "utf8"),
    toolchain,
    module,
  })
  return join(cacheDirectory(), "programs", `${module.name}-${key}`)
}

/** Those of the wanted programs that are not built yet, in the order in which they would be. */
export function missingPrograms(module: GoModule, directory: string, wanted: readonly string[]): readonly Program[] {
  return module.programs.filter(({ name }) => wanted.includes(name) && !existsSync(join(directory, name)))
}

/**
 * Builds what is missing of the wanted programs and returns their directory. A program appears under its name only when
 * it is complete; of two builds at once the second waits, then finds the work done.
 */
export async function buildPrograms(
  module: GoModule,
  wanted: readonly string[],
  onProgress: (line: string) => void,
): Promise<string> {
  const directory = await programsDirectory(module)
  if (missingPrograms(module, directory, wanted).length === 0) return directory
  mkdirSync(directory, { recursive: true })
  await using _lock = await lockFile(`${directory}.lock`, () =>
    onProgress(`another process builds ${module.name}: waiting for it`),
  )
  const missing = missingPrograms(module, directory, wanted)
  for (const [index, program] of missing.entries()) {
    const left = missing.slice(index).reduce((sum, one) => sum + one.secondsElsewhere, 0)
    onProgress(
      `building ${program.name} (${index + 1} of ${missing.length} of ${module.name}; took ${program.secondsElsewhere} s elsewhere, ${left} s to the end of this module, plus downloads)`,
    )
    const start = performance.now()
    await buildOne(module, program, directory)
    onProgress(`built ${program.name} in ${Math.round((performance.now() - start) / 1000)} s`)
  }
  return directory
}

async function buildOne(module: GoModule, program: Program, directory: string): Promise<void> {
  const partial = join(directory, `.${program.name}.partial`)
  rmSync(partial, { force: true })
  const tags = program.tags === undefined ? [] : ["-tags", program.tags.join(",")]
  const args = ["build", "-ldflags", module.ldflags, ...tags, "-o", partial, program.package]
  const finished = await runProgram("go", args, {
    cwd: module.directory,
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: goFlags, GOWORK: "off", ...program.environment },
  })
  if (finished.code !== 0) {
    throw new BuildFailed(new ProgramFailed("go", args, `exit code ${finished.code}`, finished).message)
  }
  renameSync(partial, join(directory, program.name))
}
