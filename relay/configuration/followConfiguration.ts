import { Cause, Effect, Either, ExecutionStrategy, Exit, Option, Scope, Stream } from "effect"
import type { EntriesRefused } from "../../identity/entryFaults.ts"
import type { IssuerState } from "../../identity/IssuerKeys.ts"
import { issuerFaults } from "../../identity/issuerFaults.ts"
import { makeTokenVerifier, type TokenVerifierService } from "../../identity/TokenVerifier.ts"
import { ConfigurationInvalid, watchConfiguration } from "../../platform/configuration.ts"
import { pipeTo, proxySettings } from "../../platform/outbound.ts"
import { type Settings, settingsOf } from "../Settings.ts"
import { RegistrationFile } from "../store/RegistrationEntry.ts"
import { RelayConfiguration } from "./RelayConfiguration.ts"

/** The configuration in force: as it was at the start, and what of it follows the files. */
export interface FollowedConfiguration {
  /** What only a restart changes is taken from here. */
  readonly configuration: RelayConfiguration
  readonly settings: () => Settings
  readonly verifier: () => TokenVerifierService
  readonly issuers: Effect.Effect<readonly IssuerState[]>
  readonly hash: () => string
  /** Runs after every change, until the scope ends. */
  readonly onChange: (run: () => void) => Effect.Effect<void>
}

/** Keys that are read once; the rest takes effect when the file changes. */
const fixedKeys = [
  "publicUrl",
  "listen",
  "tls",
  "healthListen",
  "database",
  "replica",
  "auditLog",
  "clustersFile",
] as const

/** With everything that a configuration can be refused for, so that none is said to be in force that is not. */
const judged = (configuration: RelayConfiguration, source: string): Either.Either<Settings, ConfigurationInvalid> =>
  Either.filterOrLeft(
    settingsOf(configuration, [], source),
    ({ issuers }) => issuerFaults(issuers).length === 0,
    ({ issuers }) =>
      new ConfigurationInvalid({ source, problems: issuerFaults(issuers).map(({ message }) => message) }),
  )

interface InForce {
  readonly settings: Settings
  readonly verifier: TokenVerifierService
  readonly scope: Scope.CloseableScope
}

/** Fails when the files cannot be used at the start; later a bad file is logged and the last good one stays in force. */
export const followConfiguration = (
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): Effect.Effect<FollowedConfiguration, ConfigurationInvalid | EntriesRefused, Scope.Scope> =>
  Effect.gen(function* () {
    let started: RelayConfiguration | undefined
    // The audience and the documents of clusters follow from the URL that the relay has, not from the one it will have.
    const asStarted = (next: RelayConfiguration) => ({ ...next, publicUrl: (started ?? next).publicUrl })
    /** Kept from the check: every document of a cluster is a signature to verify, 0.4 ms in which nothing else runs. */
    const accepted = new WeakMap<RelayConfiguration, Settings>()
    const watched = yield* watchConfiguration(path, RelayConfiguration, {
      check: (next) => Either.map(judged(asStarted(next), path), (settings) => accepted.set(next, settings)),
    })
    const configuration = watched.current().value
    started = configuration
    const { clustersFile } = configuration
    const listed =
      clustersFile === undefined
        ? undefined
        : yield* watchConfiguration(clustersFile, RegistrationFile, {
            check: ({ clusters }) => settingsOf(configuration, clusters, clustersFile),
          })
    const outer = yield* Effect.scope
    const once = yield* Effect.makeSemaphore(1)
    const listeners: (() => void)[] = []

    const make = (previous?: TokenVerifierService): Effect.Effect<InForce, EntriesRefused> =>
      Effect.gen(function* () {
        const own = accepted.get(watched.current().value)!
        const settings = { ...own, clusters: [...own.clusters, ...(listed?.current().value.clusters ?? [])] }
        const scope = yield* Scope.fork(outer, ExecutionStrategy.sequential)
        const verifier = yield* makeTokenVerifier({
          entries: settings.issuers,
          connect: pipeTo({ proxy: proxySettings(environment) }),
          ...(previous === undefined ? {} : { previous }),
        }).pipe(
          Scope.extend(scope),
          Effect.onError(() => Scope.close(scope, Exit.void)),
        )
        return { settings, verifier, scope }
      })

    let current = yield* make()
    const apply = Effect.gen(function* () {
      const next = yield* make(current.verifier)
      const before = current
      current = next
      const changed = fixedKeys.filter(
        (key) => JSON.stringify(watched.current().value[key]) !== JSON.stringify(configuration[key]),
      )
      if (changed.length > 0) yield* Effect.logWarning("these changes take effect at the next start", { keys: changed })
      for (const run of listeners) run()
      yield* Scope.close(before.scope, Exit.void)
    }).pipe(
      // Not uninterruptible: the verifier's background work would inherit it and never end.
      once.withPermits(1),
      // A defect of ours while one is built must not end the following: the next change would go unseen.
      Effect.catchAllCause((cause) =>
        Cause.isInterruptedOnly(cause)
          ? Effect.interrupt
          : Effect.logError("configuration refused; the last good one stays in force", {
              path,
              detail: Option.match(Cause.failureOption(cause), {
                onSome: ({ message }) => message,
                onNone: () => Cause.pretty(cause),
              }),
            }),
      ),
    )
    const sources = [watched.changes, ...(listed === undefined ? [] : [listed.changes])]
    for (const changes of sources)
      yield* Effect.forkScoped(Stream.runForEach(Stream.drop(changes as Stream.Stream<unknown>, 1), () => apply))

    return {
      configuration,
      settings: () => current.settings,
      verifier: () => current.verifier,
      issuers: Effect.suspend(() => current.verifier.issuers),
      hash: () => watched.current().hash,
      onChange: (run) => Effect.sync(() => void listeners.push(run)),
    }
  })
