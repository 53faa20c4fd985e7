import type { ImageFile } from "../../../deploy/image/layerEntries.ts"
import { ProgramFailed, runProgram } from "../process/runProgram.ts"

/** A program needs a library that this machine does not have. */
export class LibraryMissing extends Error {
  override readonly name = "LibraryMissing"
}

/** A program with its loader and libraries, if it has any, each at the path where the loader looks for it. */
export async function libraryClosure(source: string, path: string): Promise<readonly ImageFile[]> {
  const said = await runProgram("ldd", [source])
  const isStatic = /not a dynamic executable|statically linked/.test(said.stdout + said.stderr)
  if (said.code !== 0 && !isStatic) throw new ProgramFailed("ldd", [source], `exit code ${said.code}`, said)
  const libraries = isStatic ? [] : parseLdd(said.stdout, source)
  return [
    { path, source, mode: 0o755 },
    ...libraries.map((library) => ({ path: library, source: library, mode: 0o755 })),
  ]
}

/** Absolute paths in the output of ldd(1); the vDSO has none. Throws LibraryMissing for "not found". */
export function parseLdd(output: string, program: string): readonly string[] {
  const missing = output.split("\n").filter((line) => line.includes("not found"))
  if (missing.length > 0) throw new LibraryMissing(`${program} needs ${missing.map((line) => line.trim()).join(", ")}`)
  return output
    .split("\n")
    .map((line) => /(?:=> )?(\/\S+) \(0x[0-9a-f]+\)/.exec(line)?.[1])
    .filter((found) => found !== undefined)
}
