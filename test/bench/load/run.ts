import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { mustRun } from "../../cluster/process/runProgram.ts"
import type { Target } from "../path/Target.ts"

export interface Latency {
  readonly count: number
  readonly errors: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

const program = async <A>(name: string, argument: object, seconds: number): Promise<A> =>
  JSON.parse(
    await mustRun(process.execPath, [join(import.meta.dir, name), JSON.stringify(argument)], {
      timeoutMillis: (seconds + 60) * 1_000,
    }),
  )

/** Load comes from a process of its own. */
export const latency = (target: Target, path: string, perSecond: number, seconds: number): Promise<Latency> =>
  program("latency.ts", { target, path, perSecond, seconds }, seconds)

export interface Bulk {
  readonly mbitPerSecond: number
  /** 1 when every stream got the same (Jain). */
  readonly fairness: number
}

export const bulkLoad = async (
  target: Target,
  streams: number,
  seconds: number,
  direction: "down" | "up" = "down",
): Promise<Bulk> => {
  const done = await program<{ bytes: number[]; seconds: number }>(
    "bulk.ts",
    { target, streams, seconds, direction },
    seconds,
  )
  const sum = done.bytes.reduce((total, one) => total + one, 0)
  const squares = done.bytes.reduce((total, one) => total + one * one, 0)
  return {
    mbitPerSecond: (sum * 8) / done.seconds / 1e6,
    fairness: squares === 0 ? 0 : (sum * sum) / (streams * squares),
  }
}

/** A download or an upload without an end, in a process that ends with `stack`. `bytes` throws once it has failed. */
export const endless = (
  stack: AsyncDisposableStack,
  target: Target,
  direction: "down" | "up",
): { readonly bytes: () => number } => {
  const argument = JSON.stringify({ target, direction })
  const child = spawn(process.execPath, [join(import.meta.dir, "endless.ts"), argument], {
    stdio: ["pipe", "pipe", "inherit"],
  })
  let said: { readonly bytes?: number; readonly error?: string } = {}
  createInterface({ input: child.stdout! }).on("line", (line) => {
    said = JSON.parse(line)
  })
  stack.defer(async () => {
    if (child.exitCode !== null) return
    const exited = once(child, "exit")
    child.stdin!.end()
    await exited
  })
  return {
    bytes: () => {
      if (said.error !== undefined) throw new Error(`the ${direction}load failed: ${said.error}`)
      return said.bytes ?? 0
    },
  }
}
