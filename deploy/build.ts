import { spawnSync } from "node:child_process"
import { mkdirSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { bunExecutable } from "./bunExecutable.ts"
import { commandWords } from "./commandWords.ts"
import { releasedName, type Target, targetsOf } from "./targets.ts"

const root = dirname(dirname(fileURLToPath(import.meta.url)))

export const programs: Readonly<Record<string, string>> = {
  clusterconnect: "proxy/main.ts",
  "clusterconnect-agent": "agent/main.ts",
  "clusterconnect-operator": "operator/main.ts",
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

export interface CompileOptions {
  /** Another machine than this one. Its Bun is fetched with npm and checked against bun.lock, once. */
  readonly target?: Target
  /** What `version` of the program says instead of package.json's. */
  readonly version?: string
}

/**
 * Compiles one program to `outfile`; throws with the compiler's words when that fails. The same sources, options and file name
 * of `outfile` give the same bytes, in whatever folder.
 */
export const compile = (program: string, outfile: string, { target, version }: CompileOptions = {}): void => {
  const entry = programs[program]
  if (entry === undefined) throw new Error(`no program ${program}; there are: ${Object.keys(programs).join(", ")}`)
  mkdirSync(dirname(outfile), { recursive: true })
  const options = [
    ...compileFlags,
    ...(target === undefined
      ? []
      : [`--target=${bunTarget(target)}`, `--compile-executable-path=${bunExecutable(target)}`]),
    ...(version === undefined ? [] : ["--define", `CLUSTERCONNECT_VERSION=${JSON.stringify(version)}`]),
  ]
  const built = spawnSync(process.execPath, ["build", ...options, join(root, entry), "--outfile", outfile], {
    cwd: root,
  })
  if (built.status !== 0) throw new Error(`building ${program} failed:\n${built.stderr}`)
}

/** Bun's own word for the target, `bun-linux-x64-musl`. */
const bunTarget = ({ name }: Target): string => `bun-${name}`

if (import.meta.main) {
  const names = Object.keys(programs)
  const usage = `usage: bun run build [--all] [${names.join("|")}…]
Standalone binaries for this machine in dist/; with --all for every target of a release in dist/release/.`
  const { values, positionals, refuse } = commandWords(usage, {
    allowPositionals: true,
    options: { all: { type: "boolean", default: false } },
  })
  const unknown = positionals.find((name) => !names.includes(name))
  if (unknown !== undefined) refuse(`no program ${unknown}`)
  for (const program of positionals.length > 0 ? positionals : names) {
    for (const target of values.all ? targetsOf(program) : [undefined]) {
      const outfile = target
        ? join(root, "dist", "release", releasedName(program, target))
        : join(root, "dist", program)
      compile(program, outfile, target ? { target } : {})
      console.log(`${outfile} (${(statSync(outfile).size / 1e6).toFixed(0)} MB)`)
    }
  }
}
