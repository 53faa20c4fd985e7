import { randomBytes } from "node:crypto"
import { Effect, type Scope } from "effect"
import type { ConfigurationInvalid } from "../../platform/configuration.ts"
import type { ListenFailed } from "../../platform/HealthServer.ts"
import type { Log } from "../../platform/logs.ts"
import type { MemoryUse } from "../../platform/memory/memoryUse.ts"
import { beforeScrape } from "../../platform/metrics.ts"
import type { KeyPairFiles, KeyPairInvalid } from "../../platform/tlsListener.ts"
import { reason } from "../../protocol/core/reasons.ts"
import { StreamServer } from "../../protocol/stream/StreamServer.ts"
import { WindowBudget } from "../../protocol/stream/WindowBudget.ts"
import { CarrierPort } from "./carrier/CarrierPort.ts"
import { type LivePolicy, makeLivePolicy } from "./configuration/LivePolicy.ts"
import type { SettingsRefused } from "./configuration/settings.ts"
import { EndToEnd, type EndToEndLimits } from "./connections/EndToEnd.ts"
import { ServingCertificate } from "./connections/ServingCertificate.ts"
import { Exchanges } from "./exchange/Exchanges.ts"
import { watchMemory } from "./exchange/watchMemory.ts"
import * as metrics from "./metrics.ts"
import { accountRefused, inDate, whoAmI } from "./upstream/accountRefused.ts"
import { askApiServer } from "./upstream/askApiServer.ts"

export interface AuthProxyOptions {
  readonly configurationFile: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly certificate: KeyPairFiles
  readonly listen: { readonly host: string; readonly port: number }
  /** How long a stream without a carrier is kept. */
  readonly holdMillis?: number
  /** How long streams may go on after the order to stop. */
  readonly drainMillis: number
  readonly limits?: Partial<EndToEndLimits>
  /** For tests: how often files are looked at. */
  readonly pollMillis?: number
  /** For tests: instead of what the kernel says. */
  readonly memoryUse?: () => MemoryUse | undefined
  readonly log: Log
}

/** A running auth proxy. */
export interface AuthProxy {
  readonly host: string
  readonly port: number
  /** Names of what is needed for readiness and whether it is there. */
  readonly checks: Effect.Effect<readonly { readonly name: string; readonly ok: boolean; readonly detail?: string }[]>
  /** For `GET /status`: no secret in it. */
  readonly status: Effect.Effect<unknown>
  readonly policy: LivePolicy
  /**
   * Completes when no stream is left, at the latest when the drain time is over, and soon after the API server stopped to know our
   * account: who has no right any more has nothing to wait for. Nothing new is wanted from its call on.
   */
  readonly drain: Effect.Effect<void>
}

/** Reset frames, TLS close_notify and the last bytes of answers get out before the process goes. */
const goodbyeMillis = 1_000
/** How often the end of draining is looked for: nobody waits for it but the kubelet. */
const drainLookMillis = 100

/** Everything of the auth proxy but its health port. Ends with its scope: no socket, timer or watcher is left. */
export const startAuthProxy = (
  options: AuthProxyOptions,
): Effect.Effect<AuthProxy, ConfigurationInvalid | SettingsRefused | KeyPairInvalid | ListenFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const { log } = options
    const polled = options.pollMillis === undefined ? {} : { pollMillis: options.pollMillis }
    const policy = yield* makeLivePolicy({
      file: options.configurationFile,
      environment: options.environment,
      log,
      ...polled,
    })
    const certificate = yield* Effect.acquireRelease(
      Effect.try({
        try: () =>
          new ServingCertificate(
            options.certificate,
            ({ notAfter, failure }) => {
              if (failure === undefined) log.info("serving certificate in use", { notAfter })
              else log.error("serving certificate refused; the last good one stays in use", { failure })
            },
            polled,
          ),
        catch: (error) => error as KeyPairInvalid,
      }),
      (held) => Effect.sync(() => held.close()),
    )
    const relief = yield* watchMemory(log, options.memoryUse)
    const exchanges = new Exchanges(() => policy.current().policy, relief, log)
    const connections = yield* Effect.acquireRelease(
      Effect.sync(() => new EndToEnd(certificate, exchanges, options.limits)),
      (held) => Effect.promise(() => held.close(goodbyeMillis)),
    )
    const { limits } = policy
    const bootNonce = randomBytes(16).toString("base64url")
    const streams = new StreamServer({
      bootNonce,
      budget: new WindowBudget(limits.windowBytes),
      ...(options.holdMillis === undefined ? {} : { holdMillis: options.holdMillis }),
      limits: { perCaller: limits.streamsPerCaller, total: limits.streams },
      meeting: process.platform === "linux" ? "abstract" : "private",
      onStream: (stream) => connections.serve(stream),
      onEvent: (event, { callerHash }) => {
        if (event.type === "ended") metrics.streamEnds.add(1, { reason: metrics.endLabel(event.reason) })
        if (event.type !== "drain") log.debug("stream", { ...event, callerHash })
      },
    })
    const port = yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: () => CarrierPort.open(options.listen, streams, bootNonce),
        catch: (error) => error as ListenFailed,
      }),
      (held) =>
        Effect.promise(async () => {
          streams.closeAll(reason.authProxyDraining)
          await held.close(goodbyeMillis)
        }),
    )
    let draining = false
    let counted: Readonly<Record<string, number>> = {}
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        beforeScrape(() => {
          const { attached, suspended, refused } = streams.statistics()
          for (const [why, times] of Object.entries(refused))
            metrics.streamsRefused.add(times - (counted[why] ?? 0), { reason: why })
          counted = refused
          metrics.streams.set(attached, { state: "attached" })
          metrics.streams.set(suspended, { state: "suspended" })
          metrics.connections.set(policy.current().api.connections)
          metrics.ready.set(draining || relief.staysFull ? 0 : 1)
        }),
      ),
      (stop) => Effect.sync(stop),
    )

    return {
      host: port.host,
      port: port.port,
      policy,
      checks: Effect.map(policy.ready, (keys) => [
        { name: "issuer-keys", ok: keys, ...(keys ? {} : { detail: "no issuer's keys have been read yet" }) },
        { name: "serving-certificate", ok: true },
        { name: "not-draining", ok: !draining },
        {
          name: "memory",
          ok: !relief.staysFull,
          ...(relief.staysFull ? { detail: "three quarters of the limit are used up" } : {}),
        },
      ]),
      status: Effect.gen(function* () {
        const { hash, settings, apiServerState } = policy.current()
        const failure = policy.failure()
        return {
          role: "auth-proxy",
          clusterName: settings.clusterName,
          configuration: { hash, ...(failure === undefined ? {} : { failure }) },
          issuers: yield* policy.issuers,
          servingCertificate: certificate.state,
          impersonation: { ...settings.impersonation, apiServer: apiServerState() },
          allowRelayAudience: settings.allowRelayAudience,
          streams: streams.statistics(),
          draining,
        }
      }),
      drain: Effect.gen(function* () {
        draining = true
        log.info("draining", { streams: streams.streams, atMostSeconds: options.drainMillis / 1000 })
        streams.drain()
        const until = performance.now() + options.drainMillis
        const quiet = Effect.sleep(drainLookMillis).pipe(
          Effect.repeat({ while: () => streams.streams > 0 && performance.now() < until }),
        )
        const refused = accountRefused(
          Effect.suspend(() => askApiServer(policy.current().api, whoAmI)),
          () => inDate(policy.current().api.files.token, Date.now()),
        ).pipe(
          Effect.zipRight(
            Effect.sync(() => log.warn("the API server does not know this account any more: what is open is ended")),
          ),
        )
        // Whoever drains while it is being interrupted cannot be interrupted: the one that loses must end all the same.
        yield* Effect.raceFirst(Effect.interruptible(Effect.asVoid(quiet)), Effect.interruptible(refused))
        log.info("drained", { streamsCut: streams.streams })
      }),
    }
  })
