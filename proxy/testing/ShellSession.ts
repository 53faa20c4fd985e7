import { type ChildProcess, spawn } from "node:child_process"
import { chmod, mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"

const program = join(import.meta.dir, "..", "main.ts")
const prompt = "ready> "

/** What stands on the first line of a script for one shell, and how it is started without anybody's own configuration. */
export const interactiveShells = {
  bash: { command: "bash --norc --noprofile -i", begin: `PS1='${prompt}'; bind 'set bell-style none'` },
  zsh: {
    command: "zsh -f -i",
    begin: `PS1='${prompt}'; unsetopt beep; autoload -U compinit; compinit -u -D; zstyle ':completion:*' menu no`,
  },
} as const

/**
 * A folder with a `clusterconnect` in it that answers completion as the real program does, with what it was asked in the file
 * `clusterconnect.asked` beside it, and otherwise only says `ARGS:` and its arguments: what a person has on the command line after completion.
 */
export const sayingProgram = async (folder: string): Promise<string> => {
  await mkdir(folder, { recursive: true })
  const path = join(folder, "clusterconnect")
  const real = `"${process.execPath}" "${program}"`
  await writeFile(
    path,
    `#!/bin/sh\nif [ "$1" = __complete ]; then printf '%s\\n' "$*" >> "$0.asked"; exec ${real} "$@"; fi\nprintf 'ARGS:%s.\\n' "$*"\n`,
  )
  await chmod(path, 0o700)
  return folder
}

/** An interactive shell on a terminal of its own (script(1)), with our completion loaded. */
export class ShellSession implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #said = ""
  #look = () => {}

  private constructor(command: string, environment: Record<string, string>) {
    this.#child = spawn("script", ["-qfec", command, "/dev/null"], {
      env: { TERM: "dumb", ...environment },
      stdio: ["pipe", "pipe", "ignore"],
    })
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#said += chunk.toString("utf8")
      this.#look()
    })
    this.#ended = new Promise((resolve) => this.#child.once("close", () => resolve()))
  }

  static async start(shell: keyof typeof interactiveShells, script: string, environment: Record<string, string>) {
    const { command, begin } = interactiveShells[shell]
    const session = new ShellSession(command, environment)
    // The terminal echoes what is typed, perhaps twice: what only the shell can say is waited for.
    session.#type(`${begin}; source ${script}; echo begun$((1 + 1))\n`)
    await session.#says(/begun2[\s\S]*ready> /)
    return session
  }

  /** Types a line as it stands, with its tabs, and Enter: what the program was called with. */
  async runs(line: string): Promise<string> {
    this.#said = ""
    this.#type(`${line}\n`)
    return (await this.#says(/ARGS:(.*)\.\r?\n[\s\S]*ready> /))[1] ?? ""
  }

  /** Types what ends with a tab, and takes it back when the shell shows what it made of it. */
  async givesUp(line: string, shown: RegExp): Promise<void> {
    this.#said = ""
    this.#type(line)
    await this.#says(shown)
    this.#type("\u0015")
    await this.runs("clusterconnect done")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The shell ends with its terminal.
    this.#child.kill()
    await this.#ended
  }

  #type(keys: string): void {
    this.#child.stdin?.write(keys)
  }

  async #says(what: RegExp): Promise<RegExpExecArray> {
    const said = Promise.withResolvers<RegExpExecArray>()
    this.#look = () => {
      const found = what.exec(this.#said)
      if (found !== null) said.resolve(found)
    }
    this.#look()
    const ended = this.#ended.then(() => {
      throw new Error(`the shell ended before it said ${what}: ${this.#said}`)
    })
    return await Promise.race([said.promise, ended])
  }
}
