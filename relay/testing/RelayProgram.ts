import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"

const main = join(import.meta.dir, "..", "main.ts")

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs one command of the relay's program to its end. */
export const runRelay = (args: readonly string[]): Promise<Ended> => {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  const output = { stdout: "", stderr: "" }
  child.stdout.on("data", (data) => {
    output.stdout += data
  })
  child.stderr.on("data", (data) => {
    output.stderr += data
  })
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, ...output })))
}

/** A running relay as a process of its own. */
export class RelayProgram {
  readonly child: ChildProcess
  readonly lines: Record<string, unknown>[] = []
  readonly ended: Promise<number | null>
  readonly #waiting = new Set<() => void>()

  constructor(config: string) {
    this.child = spawn(process.execPath, [main, "serve", "--config", config], { stdio: ["ignore", "ignore", "pipe"] })
    this.ended = new Promise((resolve) => this.child.once("close", resolve))
    createInterface({ input: this.child.stderr! }).on("line", (line) => {
      this.lines.push(JSON.parse(line) as Record<string, unknown>)
      for (const look of [...this.#waiting]) look()
    })
  }

  /** The first log line, past or future, that is as wanted. */
  line(wanted: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.lines.find(wanted)
        if (found === undefined) return
        this.#waiting.delete(look)
        resolve(found)
      }
      this.#waiting.add(look)
      look()
      void this.ended.then(() => reject(new Error(`the relay ended:\n${JSON.stringify(this.lines, null, 1)}`)))
    })
  }

  async port(listener: "public" | "health"): Promise<number> {
    const line = await this.line((one) => one.message === "listening" && one.listener === listener)
    return Number(line.port)
  }
}
