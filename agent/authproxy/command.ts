import { join } from "node:path"
import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { defaultsTo, described, wrongUsage } from "../../platform/commandLine.ts"
import { HealthServer } from "../../platform/HealthServer.ts"
import { levels, logLayer, makeLog } from "../../platform/logs.ts"
import { version } from "../../platform/version.ts"
import { authProxyHoldMillis } from "../../protocol/core/limits.ts"
import { startAuthProxy } from "./AuthProxy.ts"

/** The kubelet's terminationGracePeriodSeconds is this and ten more. */
const defaultDrainSeconds = 600
const defaultListen = "0.0.0.0:8443"
const defaultHealthListen = "0.0.0.0:8081"

const options = {
  config: Options.text("config").pipe(
    Options.withPseudoName("PATH"),
    Options.withDescription("Configuration file, YAML; followed while running."),
  ),
  dir: Options.text("dir").pipe(
    Options.withPseudoName("PATH"),
    Options.withDescription("Directory made by `init`: serving.crt and serving.key are taken from it."),
    Options.optional,
  ),
  servingCert: Options.text("serving-cert").pipe(
    Options.withPseudoName("PATH"),
    Options.withDescription("Serving certificate, PEM; followed while running."),
    Options.optional,
  ),
  servingKey: Options.text("serving-key").pipe(
    Options.withPseudoName("PATH"),
    Options.withDescription("Its key, PEM."),
    Options.optional,
  ),
  listen: Options.text("listen").pipe(
    Options.withPseudoName("HOST:PORT"),
    Options.withDescription("Where agents hand over carriers, inside the cluster."),
    defaultsTo(defaultListen),
  ),
  healthListen: Options.text("health-listen").pipe(
    Options.withPseudoName("HOST:PORT"),
    Options.withDescription("Where to serve /livez, /readyz, /metrics and /status."),
    defaultsTo(defaultHealthListen),
  ),
  drainTimeout: Options.integer("drain-timeout").pipe(
    Options.withPseudoName("SECONDS"),
    Options.withDescription("How long streams may go on after SIGTERM."),
    defaultsTo(defaultDrainSeconds),
  ),
  hold: Options.integer("hold").pipe(
    Options.withPseudoName("SECONDS"),
    Options.withDescription(`How long a stream without a carrier is kept. Default: ${authProxyHoldMillis / 1000}.`),
    Options.optional,
  ),
  logLevel: Options.choice("log-level", levels).pipe(
    Options.withDescription("Least severe log lines that are written. Audit lines always are."),
    defaultsTo("info"),
  ),
}

/** `kube-auth-proxy`: authenticates every request and impersonates its caller. Runs until SIGTERM, drains, exits with 0. */
export const authProxy = Command.make("auth-proxy", options, (flags) => {
  const logging = { program: "auth proxy", level: flags.logLevel }
  const log = makeLog(logging)
  const program = Effect.gen(function* () {
    const listen = yield* address("listen", flags.listen)
    const healthListen = yield* address("health-listen", flags.healthListen)
    const certificate = yield* certificateFiles(
      Option.getOrUndefined(flags.dir),
      Option.getOrUndefined(flags.servingCert),
      Option.getOrUndefined(flags.servingKey),
    )
    const drainSeconds = yield* seconds("drain-timeout", flags.drainTimeout, 0)
    const hold = Option.getOrUndefined(flags.hold)
    const holdSeconds = hold === undefined ? undefined : yield* seconds("hold", hold, 1)
    const running = yield* startAuthProxy({
      configurationFile: flags.config,
      environment: process.env,
      certificate,
      listen,
      ...(holdSeconds === undefined ? {} : { holdMillis: holdSeconds * 1000 }),
      drainMillis: drainSeconds * 1000,
      log,
    })
    yield* Effect.provide(
      Effect.gen(function* () {
        const health = yield* HealthServer
        log.info("listening", { listener: "health", host: health.host, port: health.port })
        log.info("listening", { listener: "carrier", host: running.host, port: running.port })
        return yield* Effect.onInterrupt(Effect.never, () => running.drain)
      }),
      HealthServer.layer({
        ...healthListen,
        ready: running.checks,
        routes: { "/status": Effect.map(running.status, (status) => ({ ...(status as object), version })) },
      }),
    )
  })
  return program.pipe(Effect.scoped, Effect.provide(logLayer(logging)))
}).pipe(
  Command.withDescription(
    described("Authenticate callers inside the cluster and impersonate them at the API server.", {
      examples: [
        [
          "clusterconnect-agent auth-proxy --config /etc/clusterconnect/auth-proxy.yaml --dir /var/lib/clusterconnect",
          "With the serving certificate that `init` made; docs/auth-proxy.md says what stands in the file.",
        ],
      ],
    }),
  ),
)

const address = (flag: string, text: string) => {
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text)
  const port = Number(found?.[3])
  return found === null || port > 65_535
    ? Effect.fail(wrongUsage(`--${flag} ${text}: expected HOST:PORT`))
    : Effect.succeed({ host: found[1] ?? found[2] ?? "", port })
}

const seconds = (flag: string, value: number, least: number) =>
  value >= least && value <= 86_400
    ? Effect.succeed(value)
    : Effect.fail(wrongUsage(`--${flag} ${value}: expected ${least} to 86400 seconds`))

const certificateFiles = (dir: string | undefined, cert: string | undefined, key: string | undefined) => {
  const certFile = cert ?? (dir === undefined ? undefined : join(dir, "serving.crt"))
  const keyFile = key ?? (dir === undefined ? undefined : join(dir, "serving.key"))
  return certFile === undefined || keyFile === undefined
    ? Effect.fail(wrongUsage("give --dir PATH, or --serving-cert PATH and --serving-key PATH"))
    : Effect.succeed({ certFile, keyFile })
}
