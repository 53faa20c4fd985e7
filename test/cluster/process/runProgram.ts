import { spawn } from "node:child_process"

export interface Finished {
  /** Exit code, or 128 + signal number as a shell would say. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string | Uint8Array
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** After this long the program is killed and ProgramFailed thrown; default: no limit. */
  readonly timeoutMillis?: number
}

/** A program could not be started, took too long, or (where the caller insists) ended with a code other than 0. */
export class ProgramFailed extends Error {
  override readonly name = "ProgramFailed"
  readonly finished: Finished | undefined

  constructor(command: string, args: readonly string[], reason: string, finished?: Finished) {
    const output = (finished?.stderr || finished?.stdout || "").trim().split("\n").slice(-SHOWN_LINES).join("\n")
    super(`${[command, ...args].join(" ")}: ${reason}${output === "" ? "" : `\n${output}`}`)
    this.finished = finished
  }
}

/** Enough for a Go program's error and its context; the whole is in `finished`. */
const SHOWN_LINES = 20

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 }

/** Runs a program to its end and returns what it said. Throws ProgramFailed only when it cannot start or takes too long. */
export function runProgram(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ["pipe", "pipe", "pipe"],
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    const output: Buffer[] = []
    const errors: Buffer[] = []
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk))
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk))
    let late = false
    const timer =
      options.timeoutMillis === undefined
        ? undefined
        : setTimeout(() => {
            late = true
            child.kill("SIGKILL")
          }, options.timeoutMillis)
    child.once("error", (error) => {
      clearTimeout(timer)
      reject(new ProgramFailed(command, args, error.message))
    })
    child.once("close", (code, signal) => {
      clearTimeout(timer)
      const finished = {
        code: code ?? 128 + (SIGNAL_NUMBERS[signal ?? ""] ?? 0),
        stdout: Buffer.concat(output).toString("utf8"),
        stderr: Buffer.concat(errors).toString("utf8"),
      }
      if (late) reject(new ProgramFailed(command, args, `killed after ${options.timeoutMillis} ms`, finished))
      else resolve(finished)
    })
    // A program that ends without reading its input is no error of ours.
    child.stdin.on("error", () => {})
    child.stdin.end(options.input ?? "")
  })
}

/** As runProgram, and throws ProgramFailed for an exit code other than 0; returns standard output. */
export async function mustRun(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const finished = await runProgram(command, args, options)
  if (finished.code !== 0) throw new ProgramFailed(command, args, `exit code ${finished.code}`, finished)
  return finished.stdout
}
