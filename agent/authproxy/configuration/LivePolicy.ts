import { Cause, Effect, ExecutionStrategy, Exit, Option, Scope, Stream } from "effect"
import type { EntriesRefused } from "../../../identity/entryFaults.ts"
import type { IssuerState } from "../../../identity/IssuerKeys.ts"
import { makeTokenVerifier, type TokenVerifierService } from "../../../identity/TokenVerifier.ts"
import { type ConfigurationInvalid, type Loaded, watchConfiguration } from "../../../platform/configuration.ts"
import type { Log } from "../../../platform/logs.ts"
import { pipeTo, proxySettings } from "../../../platform/outbound.ts"
import type { Policy } from "../exchange/Policy.ts"
import { ApiServer } from "../upstream/ApiServer.ts"
import { type ApiServerState, probeApiServer } from "../upstream/probeApiServer.ts"
import { ServiceAccountFiles } from "../upstream/ServiceAccountFiles.ts"
import { AuthProxyConfiguration } from "./AuthProxyConfiguration.ts"
import { type Limits, mayFollow, type Settings, type SettingsRefused, sameLimits, settingsOf } from "./settings.ts"

/** A policy with what it was made of. */
export interface InForce {
  readonly hash: string
  readonly settings: Settings
  readonly policy: Policy
  readonly verifier: TokenVerifierService
  readonly api: ApiServer
  readonly apiServerState: () => ApiServerState
}

/** The policy that follows the configuration file. What is in force was always checked as a whole. */
export interface LivePolicy {
  readonly current: () => InForce
  /** Those of the file that the process began with; `current` has those of the present file, which wait. */
  readonly limits: Limits
  /** Why the file's present content is not in force; undefined when it is. */
  readonly failure: () => string | undefined
  readonly issuers: Effect.Effect<readonly IssuerState[]>
  /** The verifier was ready once since the process began. */
  readonly ready: Effect.Effect<boolean>
  /** Reads the file now instead of when the change is noticed; false when it was refused. */
  readonly reload: Effect.Effect<boolean>
}

export interface LivePolicyOptions {
  readonly file: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: Log
  /** For tests: how often files are looked at. */
  readonly pollMillis?: number
}

/** Builds the first policy and follows the file until the scope ends. Fails only when there is no usable first one. */
export const makeLivePolicy = (
  options: LivePolicyOptions,
): Effect.Effect<LivePolicy, ConfigurationInvalid | SettingsRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { file, environment, log } = options
    const polled = options.pollMillis === undefined ? {} : { pollMillis: options.pollMillis }
    const watched = yield* watchConfiguration(file, AuthProxyConfiguration, polled)
    const scope = yield* Effect.scope
    const first = yield* built(watched.current(), undefined, environment, log, scope, polled)
    let current = first
    let failure: string | undefined
    let wasReady = false

    const once = yield* Effect.makeSemaphore(1)
    const follow = (loaded: Loaded<AuthProxyConfiguration>) =>
      Effect.gen(function* () {
        if (loaded.hash === current.hash) {
          failure = undefined
          return
        }
        const previous = current
        const next = yield* Effect.exit(built(loaded, previous, environment, log, scope, polled, first.settings))
        if (Exit.isFailure(next)) {
          if (Cause.isInterruptedOnly(next.cause)) return yield* Effect.interrupt
          const refused = Option.getOrUndefined(Cause.failureOption(next.cause))
          // A defect of ours must not end the following: the next change would go unseen.
          failure = refused?.message ?? Cause.pretty(next.cause)
          const cause = refused?._tag ?? "defect"
          log.error("configuration refused; the last good one stays in force", { cause, failure })
          return
        }
        current = next.value
        failure = undefined
        log.info("configuration in force", { hash: current.hash })
        const { limits } = current.settings
        if (!sameLimits(limits, previous.settings.limits) && !sameLimits(limits, first.settings.limits))
          log.warn("limits wait for a new process", { inForce: first.settings.limits, waiting: limits })
        // Only the search for keys ends: a request that is being verified is answered, one under way keeps its connection.
        yield* Scope.close(previous.scope, Exit.void)
        // Interruptible: what is built here (loading of keys, probes) would inherit that it cannot be ended.
      }).pipe(once.withPermits(1))
    yield* Effect.forkScoped(Stream.runForEach(watched.changes, follow))

    return {
      current: () => current,
      limits: first.settings.limits,
      failure: () => watched.failure()?.message ?? failure,
      issuers: Effect.suspend(() => current.verifier.issuers),
      ready: Effect.suspend(() => (wasReady ? Effect.succeed(true) : current.verifier.ready)).pipe(
        Effect.tap((ready) =>
          Effect.sync(() => {
            wasReady = ready
          }),
        ),
      ),
      reload: watched.reload.pipe(
        Effect.flatMap(follow),
        Effect.map(() => failure === undefined),
        Effect.orElseSucceed(() => false),
      ),
    }
  })

interface Built extends InForce {
  readonly scope: Scope.CloseableScope
}

const built = (
  { value, hash }: Loaded<AuthProxyConfiguration>,
  previous: Built | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  log: Log,
  parent: Scope.Scope,
  polled: { readonly pollMillis?: number },
  first?: Settings,
): Effect.Effect<Built, SettingsRefused | EntriesRefused> =>
  Effect.gen(function* () {
    const settings = yield* settingsOf(value, environment)
    if (first !== undefined) yield* mayFollow(settings, first)
    const scope = yield* Scope.fork(parent, ExecutionStrategy.sequential)
    return yield* parts(settings, scope, hash, previous, environment, log, parent, polled).pipe(
      Effect.onError(() => Scope.close(scope, Exit.void)),
    )
  })

const parts = (
  settings: Settings,
  scope: Scope.CloseableScope,
  hash: string,
  previous: Built | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  log: Log,
  parent: Scope.Scope,
  polled: { readonly pollMillis?: number },
): Effect.Effect<Built, EntriesRefused> =>
  Effect.gen(function* () {
    const verifier = yield* makeTokenVerifier({
      entries: settings.entries,
      refusedAudiences: settings.refusedAudiences,
      connect: pipeTo({ proxy: proxySettings(environment) }),
      ...(previous === undefined ? {} : { previous: previous.verifier }),
    }).pipe(Scope.extend(scope))
    const api = yield* apiServerFor(settings, previous, log, parent, polled)
    const probe = yield* probeApiServer(api, api === previous?.api ? previous.apiServerState() : undefined).pipe(
      Scope.extend(scope),
    )
    const policy: Policy = {
      clusterName: settings.clusterName,
      verifier,
      entries: new Map(settings.entries.map((entry) => [entry.name, entry])),
      profile: settings.impersonation.profile,
      allowNested: settings.impersonation.allowNested,
      maxSessionMillis: settings.maxSessionMillis,
      apiServer: api,
      serverChecksSessions: probe.checksSessions,
    }
    return { hash, settings, policy, verifier, api, apiServerState: probe.state, scope }
  })

/** The same API server keeps its connections; another one gets its own, and the old ones live as long as their requests. */
const apiServerFor = (
  { apiServer }: Settings,
  previous: Built | undefined,
  log: Log,
  scope: Scope.Scope,
  polled: { readonly pollMillis?: number },
): Effect.Effect<ApiServer> => {
  if (previous !== undefined && same(previous.settings.apiServer, apiServer)) return Effect.succeed(previous.api)
  return Effect.acquireRelease(
    Effect.sync(() => {
      const files = new ServiceAccountFiles({
        tokenFile: apiServer.tokenFile,
        caFile: apiServer.caFile,
        ...polled,
        onFault: (path, fault) => log.warn("a file of the service account is not usable", { path, fault }),
      })
      return new ApiServer(apiServer.url, files)
    }),
    (api) => Effect.sync(() => api.close()),
  ).pipe(Scope.extend(scope))
}

const same = (one: Settings["apiServer"], other: Settings["apiServer"]): boolean =>
  one.url.href === other.url.href && one.caFile === other.caFile && one.tokenFile === other.tokenFile
