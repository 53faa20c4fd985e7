import { hostname } from "node:os"
import { Context, Effect, type Scope } from "effect"
import { type WatchedFiles, watchFiles } from "../../platform/files.ts"
import type { Log } from "../../platform/logs.ts"
import type { OutboundInvalid } from "../../platform/outbound.ts"
import { newSecret } from "../../protocol/ticket.ts"
import { AuthProxies } from "./carriers/AuthProxies.ts"
import { Carriers } from "./carriers/Carriers.ts"
import { wasLost } from "./carriers/wasLost.ts"
import { ControlSessions } from "./control/ControlSessions.ts"
import { type Credentials, type CredentialsInvalid, readCredentials, sameCredentials } from "./credentials.ts"
import { countCarrier, countControl, showCounts } from "./metrics.ts"
import { helloFor, judgeFailure, relayEnd } from "./relayEnd.ts"
import { logCarrier, logControl } from "./reports.ts"
import type { TunnelSettings } from "./settings.ts"
import type { TunnelStatus } from "./status.ts"

/** The running reverse proxy of a cluster. */
export class Tunnel extends Context.Tag("clusterconnect/agent/tunnel/Tunnel")<
  Tunnel,
  {
    /** What is true now; cheap. */
    readonly status: () => TunnelStatus
    /** Reads the credential files now instead of at their next change. */
    readonly reload: Effect.Effect<void>
  }
>() {}

/** `<host>.<random>`: names this process in the relay's log, and says which pod it is. */
const instanceName = (): string =>
  `${
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, "-")
      .slice(0, 80) || "agent"
  }.${newSecret().slice(0, 16)}`

/**
 * Keeps a control session and serves its dials until the scope ends; then drains: `draining` to the relay, 4001 on every
 * carrier, all sockets closed. Fails only when the credentials or CA files cannot be used at the start.
 */
export const openTunnel = (
  settings: TunnelSettings,
  log: Log,
): Effect.Effect<Context.Tag.Service<Tunnel>, CredentialsInvalid | OutboundInvalid, Scope.Scope> =>
  Effect.gen(function* () {
    const read = (expected: { cluster?: string | undefined; relayUrl?: string | undefined }) =>
      Effect.tryPromise({
        try: () => readCredentials(settings.files, expected),
        catch: (error) => error as CredentialsInvalid,
      })
    let credentials: Credentials = yield* read(settings)
    const { clusterName: cluster, relayUrl } = credentials.document
    const instance = instanceName()
    let reloadFailure: string | undefined

    const relay = yield* Effect.try({
      try: () => relayEnd(relayUrl, settings),
      catch: (error) => error as OutboundInvalid,
    })
    const show = () => showCounts(control.open.length, carriers.count)
    const carriers: Carriers = new Carriers({
      ready: new AuthProxies(settings.authProxies),
      all: new AuthProxies(settings.allAuthProxies),
      pickUp: relay.pickUp,
      onReport: (report) => {
        countCarrier(report)
        logCarrier(log, report)
        if (report.event === "ended" && wasLost(report.code)) control.carrierLost()
      },
      onCount: () => {
        show()
        control.carriersChanged()
      },
    })
    const control: ControlSessions = new ControlSessions({
      identity: { relayUrl },
      connect: relay.connect,
      judge: judgeFailure,
      hello: (nonce) => helloFor(credentials, instance, nonce),
      streamsLive: () => carriers.streamsLive,
      serve: (dial, sessionSecret, fail) => void carriers.serve(dial, sessionSecret, fail),
      onReport: (report) => {
        countControl(report)
        logControl(log, report)
        show()
      },
    })

    /**
     * Last good ones stay in force: a relay that admits us now is worth more than files that are being replaced. A file that cannot be
     * read is told once, and read again until it can be.
     */
    const reload = read({ cluster, relayUrl }).pipe(
      Effect.match({
        onFailure: ({ message, unread }) => {
          if (unread) watched.again()
          if (unread && message === reloadFailure) return
          reloadFailure = message
          log.error("credentials refused; the last good ones stay in force", { error: message })
        },
        onSuccess: (found) => {
          reloadFailure = undefined
          if (sameCredentials(found, credentials)) return
          credentials = found
          log.info("credentials reloaded", { serial: found.document.serial, sessionKey: found.sessionSpki })
          control.credentialsChanged()
        },
      }),
    )

    yield* Effect.acquireRelease(
      Effect.sync(() => {
        log.info("starting", { cluster, relay: relayUrl, instance })
        control.start()
      }),
      () => Effect.promise(() => drained(control, carriers, log)),
    )
    const watched: WatchedFiles = yield* followed(settings, reload)
    const status = (): TunnelStatus => ({
      cluster,
      relay: relayUrl,
      instance,
      sessions: control.open.map(({ replica, forSeconds, credentials: version }) => ({
        replica,
        forSeconds,
        withPresentCredentials: version === control.credentials,
      })),
      sessionKey: credentials.sessionSpki,
      documentSerial: credentials.document.serial,
      ...(reloadFailure === undefined ? {} : { credentialsRefused: reloadFailure }),
      carriers: carriers.count,
      authProxies: Object.fromEntries(carriers.load),
    })
    return Tunnel.of({ status, reload })
  })

const followed = (
  settings: TunnelSettings,
  reload: Effect.Effect<void>,
): Effect.Effect<WatchedFiles, never, Scope.Scope> =>
  Effect.gen(function* () {
    const run = yield* Effect.runtime()
    const once = yield* Effect.makeSemaphore(1)
    const { sessionKeyFile, documentFile } = settings.files
    return yield* Effect.acquireRelease(
      Effect.sync(() =>
        watchFiles([sessionKeyFile, documentFile], () => {
          Effect.runFork(once.withPermits(1)(reload).pipe(Effect.provide(run)))
        }),
      ),
      (watched) => Effect.sync(() => watched.close()),
    )
  })

const drained = async (control: ControlSessions, carriers: Carriers, log: Log): Promise<void> => {
  log.info("draining", { carriers: carriers.count })
  control.drain()
  await carriers.drain()
  await control.close()
  log.info("drained")
}
