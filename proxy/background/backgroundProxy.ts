import { readFileSync } from "node:fs"
import { Effect, Either, Schema } from "effect"
import { makeLog } from "../../platform/logs.ts"
import { noticeOf } from "../announce.ts"
import { settingsOf } from "../commands/settingsFrom.ts"
import { registered } from "../control/registered.ts"
import { exitCodeOf } from "../exitCodes.ts"
import { type ClientFailure, clientFailureOf, RefusedByPolicy, UsageWrong } from "../failures.ts"
import { nowServing } from "../run/interruption.ts"
import { serving } from "../serveClusters.ts"
import { BoundedLog } from "./BoundedLog.ts"
import { HandOver, type Report } from "./handOver.ts"
import { idleEnd } from "./idleEnd.ts"
import { Reported } from "./outcomes.ts"

/** The command that a background proxy shows in the list of processes. Not one for people: it is told everything by its starter. */
export const backgroundWord = "background-proxy"

export const isBackgroundProxy = (argv: readonly string[]): boolean => argv[2] === backgroundWord

/**
 * A proxy without a terminal: reads what it shall do from its standard input, serves, and says on its standard output that it is
 * ready or why not. If nobody hears that any more, it ends.
 */
export const backgroundProxy: Effect.Effect<never, Reported> = Effect.gen(function* () {
  const { flags, tokensRead, log: logging, entry } = yield* handOver
  const file = yield* Effect.acquireRelease(
    Effect.try({ try: () => new BoundedLog(logging.path), catch: clientFailureOf }),
    (open) => Effect.sync(() => open[Symbol.dispose]()),
  )
  const write = (line: string) => file.write(line)
  const log = makeLog({ program: "proxy", level: logging.level, format: "json", write }).with({ pid: process.pid })
  const settings = yield* settingsOf(flags, tokensRead)
  const { relay } = settings
  const about = { relay, background: true, log: logging.path, ...(entry === undefined ? {} : { entry: entry.hash }) }
  const registration = yield* registered(about, log)
  const now = yield* serving(settings, log, {
    print: (text) => report({ print: text }),
    kubeconfig: entry === undefined,
  })
  yield* registration.serves(now)
  nowServing()
  const served = now.served.map(noticeOf)
  const { path, merged } = now.kubeconfig
  const ready = { pid: process.pid, relay, kubeconfig: { path, merged }, served }
  yield* Effect.tryPromise({ try: () => report({ ready }), catch: clientFailureOf })
  log.info("serving in the background", { served, relay, kubeconfig: path })
  if (entry !== undefined && entry.idleSeconds > 0) {
    const connections = () => now.served.reduce((sum, { endpoint }) => sum + endpoint.connectionsInUse, 0)
    const { idleSeconds } = entry
    yield* Effect.forkScoped(idleEnd({ connections, askedAt: registration.askedAt, idleSeconds }, log))
  }
  return yield* Effect.never
}).pipe(
  Effect.scoped,
  Effect.catchAll((error) => {
    const failure = unattended(clientFailureOf(error))
    const told = { exitCode: exitCodeOf(failure), message: failure.message }
    makeLog({ program: "proxy", format: "json" }).error(told.message, { exitCode: told.exitCode })
    return Effect.promise(() => report({ failed: told }).catch(() => {})).pipe(
      Effect.zipRight(new Reported({ exitCode: told.exitCode })),
    )
  }),
)

const handOver = Effect.try({
  try: () => {
    const text = process.stdin.isTTY ? "" : readFileSync(0, "utf8")
    return Either.getOrThrowWith(
      Schema.decodeEither(Schema.parseJson(HandOver))(text),
      () => new UsageWrong({ detail: `${backgroundWord} is started by \`clusterconnect proxy --background\` alone` }),
    )
  },
  catch: clientFailureOf,
})

const report = (line: Report): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.once("error", reject)
    process.stdout.write(`${JSON.stringify(line)}\n`, (error) => {
      if (error) return reject(error)
      resolve()
    })
  })

/** Where a person would be asked, there is none: the flags that answer instead. */
const unattended = (failure: ClientFailure): ClientFailure =>
  failure instanceof RefusedByPolicy && failure.cause === "PinRequired"
    ? new RefusedByPolicy({
        hop: failure.hop,
        cause: failure.cause,
        detail: `${failure.detail}. A proxy in the background cannot ask at a terminal: run \`clusterconnect proxy\` without --background once, and answer there`,
      })
    : failure
