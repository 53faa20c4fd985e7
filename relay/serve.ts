import { Context, Effect, Layer, Schedule } from "effect"
import { HealthServer } from "../platform/HealthServer.ts"
import { makeLog } from "../platform/logs.ts"
import { beforeScrape } from "../platform/metrics.ts"
import type { Listener } from "../platform/tlsListener.ts"
import { version } from "../platform/version.ts"
import { openAuditLog } from "./audit/AuditLog.ts"
import { followConfiguration } from "./configuration/followConfiguration.ts"
import { databasePollMillis, shutdownGraceMillis } from "./configuration/limits.ts"
import { listenAddress } from "./configuration/RelayConfiguration.ts"
import { Front } from "./http/Front.ts"
import { relayListener } from "./http/relayListener.ts"
import { collect } from "./metrics.ts"
import { Relay } from "./Relay.ts"
import { readiness } from "./readiness.ts"
import { DatabaseUnusable, servingBusyMillis } from "./store/database.ts"
import { openStore } from "./store/Store.ts"
import { systemTime } from "./time/Time.ts"

/** Runs a relay by its configuration file until it is interrupted; then moves everybody away and ends within a few seconds. */
export const serve = Effect.fn("relay.serve")(function* (configurationFile: string) {
  const log = makeLog({ program: "relay" })
  const followed = yield* followConfiguration(configurationFile, process.env)
  const { configuration } = followed
  const store = yield* Effect.acquireRelease(
    Effect.try({
      try: () => openStore(configuration.database, { busyMillis: servingBusyMillis }),
      catch: (error) => error as DatabaseUnusable,
    }),
    (opened) => Effect.sync(() => opened.close()),
  )
  const audit = yield* Effect.acquireRelease(
    Effect.try({
      try: () => openAuditLog(configuration.auditLog),
      catch: (error) =>
        new DatabaseUnusable({ path: configuration.auditLog, detail: `audit log: ${(error as Error).message}` }),
    }),
    (opened) => Effect.sync(() => opened.close()),
  )
  let listener: Listener | undefined
  const onAuthenticated = (socket: Parameters<Listener["authenticated"]>[0]) => listener?.authenticated(socket)
  const relay = new Relay({
    publicUrl: configuration.publicUrl,
    replica: configuration.replica,
    store,
    audit,
    log,
    settings: followed.settings,
    verifier: followed.verifier,
    time: systemTime,
    onAuthenticated,
  })
  const front = new Front({
    routes: relay.routes,
    access: relay.access,
    settings: followed.settings,
    log,
    audit: (line) => audit.write(line),
    auditUnidentified: (line) => relay.unidentified.write(line),
    now: systemTime.wall,
    onAuthenticated,
  })
  const reload = () => {
    audit.reopen()
    // It tells of a refusal by itself.
    listener?.reload()
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("SIGHUP", reload)),
    () => Effect.sync(() => process.off("SIGHUP", reload)),
  )
  yield* followed.onChange(() => relay.settingsChanged())
  yield* Effect.forkScoped(
    Effect.sync(() => relay.poll()).pipe(
      Effect.catchAllCause((cause) => Effect.logError("the database cannot be read", cause)),
      Effect.repeat(Schedule.spaced(databasePollMillis)),
    ),
  )
  const checks = Effect.map(followed.issuers, (issuers) => readiness({ relay, store, audit, issuers }))
  const built = yield* Layer.build(
    HealthServer.layer({
      ...listenAddress(configuration.healthListen)!,
      ready: checks,
      routes: {
        "/status": Effect.sync(() => ({ version, configurationHash: followed.hash(), ...relay.statistics() })),
      },
    }),
  )
  const health = Context.get(built, HealthServer)
  listener = yield* Effect.acquireRelease(
    relayListener(configuration, () => followed.settings().limits, front, log),
    (open) => Effect.promise(() => open.close(shutdownGraceMillis)),
  )
  const publicPort = listener
  yield* Effect.acquireRelease(
    Effect.sync(() => beforeScrape(() => collect(relay, publicPort, Effect.runSync(checks)))),
    (stop) => Effect.sync(stop),
  )
  // Released first: everybody is told to move before the port closes.
  yield* Effect.addFinalizer(() => Effect.sync(() => relay.drain()))
  yield* Effect.logInfo("listening", { listener: "health", host: health.host, port: health.port })
  const tls = configuration.tls !== undefined
  yield* Effect.logInfo("listening", { listener: "public", host: listener.host, port: listener.port, tls })
  return yield* Effect.never
}, Effect.scoped)
