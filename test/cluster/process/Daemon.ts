import { spawn } from "node:child_process"
import { closeSync, openSync, readFileSync } from "node:fs"
import { setTimeout as after } from "node:timers/promises"
import { identityOf, type ProcessIdentity } from "./processIdentity.ts"

/** A long-running program ended, or was not ready in time; the message ends with its last log lines. */
export class DaemonFailed extends Error {
  override readonly name = "DaemonFailed"
}

export interface Daemon {
  readonly name: string
  readonly identity: ProcessIdentity
  readonly logFile: string
  /** Undefined while it runs. */
  exitText(): string | undefined
  /** Resolves when it has ended. */
  readonly gone: Promise<void>
  /** Polls until `ready` returns something other than undefined; throws DaemonFailed when it ends first or the time is over. */
  until<A>(what: string, limitMillis: number, ready: () => Promise<A | undefined>): Promise<A>
}

/** A Go program's panic or usage text starts far above its end. */
const LOG_TAIL_LINES = 25
const POLL_MILLIS = 40

/** Starts a program in a session of its own (a terminal's Ctrl-C must not end it before the order of `stop`), logging to a file. */
export function startDaemon(options: {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  readonly logFile: string
  readonly env?: NodeJS.ProcessEnv
  /** The kernel kills it when this process ends in any way. */
  readonly endsWithUs?: boolean
}): Daemon {
  const log = openSync(options.logFile, "a", 0o600)
  const tied = options.endsWithUs === true ? ["setpriv", "--pdeathsig", "KILL", "--"] : []
  const [program, ...args] = [...tied, ...options.command] as [string, ...string[]]
  const child = spawn(program, args, {
    stdio: ["ignore", log, log],
    detached: true,
    env: options.env ?? process.env,
  })
  closeSync(log)
  let ended: string | undefined
  const { promise: gone, resolve: hasGone } = Promise.withResolvers<void>()
  child.once("error", (error) => {
    ended = error.message
    hasGone()
  })
  child.once("exit", (code, signal) => {
    ended ??= signal === null ? `ended with code ${code}` : `ended by ${signal}`
    hasGone()
  })
  if (child.pid === undefined) throw new DaemonFailed(`${options.name} did not start: ${options.command.join(" ")}`)
  // One that has ended already keeps a name that no process answers to; `until` tells its story.
  const identity = identityOf(child.pid) ?? { pid: child.pid, startTicks: "ended" }
  // A test's event loop must not be kept alive by a program that outlives it.
  child.unref()

  const failed = (reason: string) =>
    new DaemonFailed(`${options.name} ${reason}; end of ${options.logFile}:\n${logTail(options.logFile)}`)
  return {
    name: options.name,
    identity,
    logFile: options.logFile,
    exitText: () => ended,
    gone,
    async until(what, limitMillis, ready) {
      const deadline = performance.now() + limitMillis
      for (;;) {
        const answer = await ready()
        if (answer !== undefined) return answer
        if (ended !== undefined) throw failed(`${ended} before ${what}`)
        if (performance.now() > deadline) throw failed(`is not there after ${limitMillis} ms: ${what}`)
        await after(POLL_MILLIS)
      }
    },
  }
}

function logTail(file: string): string {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n")
  } catch {
    return "(no log)"
  }
}
