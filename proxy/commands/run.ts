import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Args, Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { described } from "../../platform/commandLine.ts"
import { type Log, makeLog } from "../../platform/logs.ts"
import { noticeOf } from "../announce.ts"
import type { Report } from "../events/ClientEvent.ts"
import { reportingEnd, reportTo, unreported } from "../events/report.ts"
import { reportServing } from "../events/reportServing.ts"
import { clientFailureOf, isPathFailure, type PathBroken, UsageWrong } from "../failures.ts"
import { runFolderPrefix } from "../kubeconfig/kubeconfigPlaces.ts"
import { Deadline } from "../readiness/Deadline.ts"
import { atOnce, type Readiness } from "../readiness/Readiness.ts"
import { endedBySignal } from "../run/endedBySignal.ts"
import { ChildEnded, RunFailed } from "../run/outcomes.ts"
import { childEnvironment, runChild } from "../run/runChild.ts"
import { serving } from "../serveClusters.ts"
import { logLevelOption, servingOptions } from "./proxyOptions.ts"
import { settingsFrom } from "./settingsFrom.ts"

const clusters = Args.text({ name: "CLUSTER[,CLUSTER]" }).pipe(
  Args.withDescription("Names of clusters; each is a context of this name, the first is the current one."),
  Args.atLeast(1),
)

/** Long enough for an agent or a relay that starts anew, short enough for a person who mistyped the relay's name. */
const defaultWaitSeconds = 60
/** Whoever waits longer for a cluster waits for more than its path. */
const maxWaitSeconds = 3_600

const waitTimeout = Options.integer("wait-timeout").pipe(
  Options.withPseudoName("SECONDS"),
  Options.withDescription(
    `How long to wait until every cluster can be reached, 0 to ${maxWaitSeconds}; 0 tries once. Then the exit code is 125. Default: ${defaultWaitSeconds}.`,
  ),
  Options.optional,
)

/** A quiet command in a script: only what needs attention is said. */
const runOptions = { clusters, waitTimeout, ...servingOptions, logLevel: logLevelOption("warn") } as const

/** Everything behind the first `--` is the command to run, whatever it looks like. */
export const splitAtDashes = (argv: readonly string[]): readonly [readonly string[], readonly string[] | undefined] => {
  const dashes = argv.indexOf("--")
  return argv[2] !== "run" || dashes < 0 ? [argv, undefined] : [argv.slice(0, dashes), argv.slice(dashes + 1)]
}

/**
 * `clusterconnect run CLUSTER[,CLUSTER…] -- CMD…`: serves the clusters as long as the command runs, with a kubeconfig of its own,
 * and ends with the command's exit code; with 125 when the clusters cannot be served by the deadline.
 */
export const run = (child: readonly string[] | undefined) =>
  Command.make("run", runOptions, (options) => {
    // Standard output is the command's.
    const report = options.output === "json" ? reportTo(process.stderr) : unreported
    return Effect.gen(function* () {
      if (child === undefined || child.length === 0)
        return yield* new UsageWrong({ detail: "run CLUSTER[,CLUSTER] -- COMMAND: there is no command behind --" })
      const log = makeLog({ program: "run", level: options.logLevel, format: options.logFormat })
      if (Option.isSome(options.token))
        log.warn("--token can be read by everybody on this machine in the list of processes: prefer --token-file")
      const readiness = yield* readinessOf(options.waitTimeout, log, report)
      const file = yield* Effect.raceFirst(kubeconfigFor(options, log, readiness, report), endedBySignal)
      const environment = childEnvironment(process.env, file)
      return yield* Effect.uninterruptible(
        Effect.flatMap(
          Effect.promise(() => runChild(child, environment)),
          (exitCode) => new ChildEnded({ exitCode }),
        ),
      )
    }).pipe(Effect.scoped, reportingEnd(report))
  }).pipe(
    Command.withDescription(
      described("Run a command with a kubeconfig for clusters, and end with its exit code.", {
        examples: [
          ["clusterconnect run edge-1 -- kubectl get pods", "One command, one cluster."],
          [
            "clusterconnect run edge-1,edge-2 -- helm --kube-context edge-2 upgrade --install web ./chart",
            "Each cluster is a context; the first is the current one.",
          ],
          [
            "clusterconnect run edge-1 -- sh -c 'kubectl apply -f deploy/ && kubectl rollout status deployment/web'",
            "Several commands: give them to a shell.",
          ],
        ],
        behindDashes: ["COMMAND...", "The command to run and its words, whatever they look like."],
      }),
    ),
  )

const readinessOf = (given: Option.Option<number>, log: Log, report: Report): Effect.Effect<Readiness, UsageWrong> => {
  const seconds = Option.getOrElse(given, () => defaultWaitSeconds)
  if (!(seconds >= 0 && seconds <= maxWaitSeconds))
    return new UsageWrong({ detail: `--wait-timeout ${seconds}: expected 0 to ${maxWaitSeconds} seconds` })
  const waits = (cluster: string, { hop, cause, message }: PathBroken) => {
    log.warn(`cluster ${cluster} is not ready, waiting for up to ${seconds} s: ${message}`, { hop, cause })
    void report({ event: "waiting", cluster, seconds, hop, cause, message })
  }
  return Effect.sync(() => (seconds === 0 ? atOnce : new Deadline(seconds, waits)))
}

type Flags = Parameters<typeof settingsFrom>[0]

/** The path of a kubeconfig for clusters that have answered once; it works and is there while the scope lives. */
const kubeconfigFor = (options: Flags, log: Log, readiness: Readiness, report: Report) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.try(() => mkdtempSync(join(tmpdir(), runFolderPrefix))),
      (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true })),
    ).pipe(Effect.mapError(({ error }) => error))
    const file = join(folder, "kubeconfig")
    const clusters = options.clusters.flatMap((text) => text.split(","))
    const settings = yield* settingsFrom({ ...options, clusters, file: Option.some(file) })
    const { served, kubeconfig } = yield* serving(settings, log, { readiness, report, locks: join(folder, "locks") })
    reportServing(report, served.map(noticeOf), kubeconfig, settings.relay)
    return file
  }).pipe(Effect.mapError(beginFailure))

/** A wrong use of `run` is the user's to mend; everything else is ours, with the hop that failed where it was one. */
const beginFailure = (error: unknown): UsageWrong | RunFailed => {
  const failure = clientFailureOf(error)
  if (failure instanceof UsageWrong) return failure
  if (!isPathFailure(failure)) return new RunFailed({ detail: failure.message })
  return new RunFailed({ detail: `${failure.hop}: ${failure.message}`, situation: failure })
}
