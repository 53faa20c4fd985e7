import { type ChildProcessByStdio, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { closeSync, openSync } from "node:fs"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import { Effect, Either, Schema } from "effect"
import { makePrivateDirectory } from "../../platform/files.ts"
import { ownCommand } from "../../platform/ownCommand.ts"
import type { Directories } from "../directories.ts"
import { type ClientFailure, clientFailureOf } from "../failures.ts"
import { entryEnvironment } from "../plugin/entryEnvironment.ts"
import { backgroundWord } from "./backgroundProxy.ts"
import { type HandOver, type Ready, Report } from "./handOver.ts"
import { BackgroundFailed } from "./outcomes.ts"

/** What would make a Bun program something else, and what kubectl tells its plugins. Everything else is the user's, and stays. */
const kept = ([name]: readonly [string, unknown]) => !/^(BUN_.*|KUBERNETES_EXEC_INFO)$/.test(name)

const decodeReport = Schema.decodeUnknownEither(Schema.parseJson(Report))

/** The log of background proxies of these clusters: of two relays' clusters of one name, each has its own. */
export const backgroundLog = ({ state }: Directories, relay: string, clusters: readonly string[]): string => {
  const more = clusters.length > 1 ? `-and-${clusters.length - 1}-more` : ""
  const ofRelay = createHash("sha256").update(relay).digest("hex").slice(0, 8)
  return join(state, "logs", `${clusters[0]}${more}-${ofRelay}.log`)
}

/**
 * Starts a proxy that outlives this process, its terminal and its session, and waits until it serves. What it prints goes to
 * `print`. Fails with what the proxy itself would have ended with; who is interrupted meanwhile takes it along.
 */
export const startBackground = (
  handOver: HandOver,
  print: (text: string) => void,
): Effect.Effect<Ready, BackgroundFailed | ClientFailure> =>
  Effect.gen(function* () {
    const log = yield* Effect.tryPromise({
      try: async () => {
        await makePrivateDirectory(dirname(handOver.log.path))
        return openSync(handOver.log.path, "a", 0o600)
      },
      catch: clientFailureOf,
    })
    return yield* Effect.async<Ready, BackgroundFailed>((resume) => {
      const [program, ...own] = ownCommand()
      const { entry } = handOver
      const environment = entry === undefined ? process.env : entryEnvironment(process.env, entry.variables)
      const child = spawn(program, [...own, backgroundWord, ...handOver.flags.clusters], {
        detached: true,
        // Whatever folder kubectl runs in has no say in what an entry's proxy reads and runs.
        ...(entry === undefined ? {} : { cwd: dirname(handOver.log.path) }),
        stdio: ["pipe", "pipe", log],
        env: Object.fromEntries(Object.entries(environment).filter(kept)),
        windowsHide: true,
      }) as ChildProcessByStdio<Writable, Readable, null>
      closeSync(log)
      const settle = (outcome: Effect.Effect<Ready, BackgroundFailed>) => {
        lines.close()
        child.stdout.destroy()
        child.unref()
        resume(outcome)
      }
      const failed = (exitCode: number, detail: string) =>
        settle(Effect.fail(new BackgroundFailed({ exitCode, detail })))
      const died = (how: string) =>
        failed(1, `the background proxy ${how} before it was ready: see ${handOver.log.path}`)
      const lines = createInterface({ input: child.stdout })
      lines.on("line", (line) => {
        const report = Either.getOrUndefined(decodeReport(line))
        if (report === undefined) died("said something that is not understood")
        else if ("print" in report) print(report.print)
        else if ("failed" in report) failed(report.failed.exitCode, report.failed.message)
        else settle(Effect.succeed(report.ready))
      })
      child.once("error", (error) => died(`did not start (${(error as NodeJS.ErrnoException).code ?? error.message})`))
      child.once("close", (code, signal) => died(`ended (${code ?? signal})`))
      // It may end before it has read everything.
      child.stdin.on("error", () => {})
      child.stdin.end(JSON.stringify(handOver))
      return Effect.sync(() => {
        child.kill("SIGTERM")
        child.unref()
      })
    })
  })
