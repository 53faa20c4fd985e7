/** `bun run build [PROGRAM…]`: standalone binaries for this machine in dist/. */
import { spawnSync } from "node:child_process"
import { mkdirSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))

export const programs: Readonly<Record<string, string>> = {
  clusterconnect: "proxy/main.ts",
  "clusterconnect-agent": "agent/main.ts",
  "clusterconnect-relay": "relay/main.ts",
}

/**
 * Without the two no-autoload flags a binary that is started in a hostile directory runs that directory's bunfig.toml and loads its
 * .env (test/conformance). Bytecode needs `--format=esm` where a module awaits at its top level.
 */
export const compileFlags: readonly string[] = [
  "--compile",
  "--minify",
  "--bytecode",
  "--format=esm",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
]

/** Compiles one program to `outfile`; throws with the compiler's words when that fails. */
export const compile = (program: string, outfile: string): void => {
  const entry = programs[program]
  if (entry === undefined) throw new Error(`no program ${program}; there are: ${Object.keys(programs).join(", ")}`)
  mkdirSync(dirname(outfile), { recursive: true })
  const built = spawnSync(process.execPath, ["build", ...compileFlags, join(root, entry), "--outfile", outfile], {
    cwd: root,
  })
  if (built.status !== 0) throw new Error(`building ${program} failed:\n${built.stderr}`)
}

if (import.meta.main) {
  const chosen = process.argv.slice(2)
  for (const program of chosen.length > 0 ? chosen : Object.keys(programs)) {
    const outfile = join(root, "dist", program)
    compile(program, outfile)
    console.log(`${outfile} (${(statSync(outfile).size / 1e6).toFixed(0)} MB)`)
  }
}
