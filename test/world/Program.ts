import type { ChildProcess } from "node:child_process"
import { createInterface } from "node:readline"

/** A program ended, or did not say what was waited for in time. */
export class ProgramFailed extends Error {
  override readonly name = "ProgramFailed"
}

export type LogLine = Readonly<Record<string, unknown>>

/** One of our programs as a process of its own, known by what it logs. */
export interface Program {
  readonly name: string
  readonly pid: number
  /** All lines of standard error so far, as they came. */
  readonly log: readonly string[]
  /** The first line, past or future, for which `pick` gives a value. Rejects when the program ends first or after `limitMillis`. */
  until<A>(what: string, pick: (line: LogLine, text: string) => A | undefined, limitMillis?: number): Promise<A>
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Generous: five programs start at once on two cores. */
const startLimitMillis = 60_000
/** A program that does not end on SIGTERM by then is killed and the stop fails: that is a defect, not a test's business. */
const stopLimitMillis = 20_000

const logLine = (text: string): LogLine => {
  try {
    const value = JSON.parse(text)
    return typeof value === "object" && value !== null ? value : {}
  } catch {
    return {}
  }
}

/** Follows a child that logs on standard error. Its standard output belongs to the caller. */
export const follow = (name: string, child: ChildProcess): Program => {
  const log: string[] = []
  const waiting = new Set<(text: string) => void>()
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }))
    child.once("error", () => resolve({ code: 127, signal: null }))
  })
  if (child.stderr !== null)
    createInterface({ input: child.stderr }).on("line", (text) => {
      log.push(text)
      for (const wake of [...waiting]) wake(text)
    })
  const tail = () => log.slice(-15).join("\n")

  return {
    name,
    pid: child.pid ?? -1,
    log,
    exited,
    until: (what, pick, limitMillis = startLimitMillis) =>
      new Promise((resolve, reject) => {
        const done = (finish: () => void) => {
          waiting.delete(look)
          clearTimeout(timer)
          finish()
        }
        const look = (text: string) => {
          const found = pick(logLine(text), text)
          if (found !== undefined) done(() => resolve(found))
        }
        const fail = (why: string) => done(() => reject(new ProgramFailed(`${name} ${why} before ${what}:\n${tail()}`)))
        const timer = setTimeout(() => fail(`was silent for ${limitMillis} ms`), limitMillis)
        waiting.add(look)
        for (const text of [...log]) if (waiting.has(look)) look(text)
        void exited.then(({ code, signal }) => waiting.has(look) && fail(`ended (${signal ?? code})`))
      }),
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill(signal)
      const killer = setTimeout(() => child.kill("SIGKILL"), stopLimitMillis)
      const { signal: endedBy } = await exited
      clearTimeout(killer)
      if (endedBy === "SIGKILL" && signal !== "SIGKILL")
        throw new ProgramFailed(`${name} did not end within ${stopLimitMillis} ms of ${signal}:\n${tail()}`)
    },
  }
}

/** The address of the listener that a program announces as `"message":"listening"`, by its `listener` field. */
export const listening = (
  program: Program,
  listener: string,
): Promise<{ readonly host: string; readonly port: number }> =>
  program.until(`listening (${listener})`, (line) =>
    line.message === "listening" && (line.listener === undefined || line.listener === listener)
      ? { host: String(line.host), port: Number(line.port) }
      : undefined,
  )
