import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { defaultsTo, described } from "../../platform/commandLine.ts"
import { HealthServer } from "../../platform/HealthServer.ts"
import { levels, logLayer, makeLog } from "../../platform/logs.ts"
import { version } from "../../platform/version.ts"
import { defaultHealthListen, type SettingsInvalid, tunnelSettings } from "./settings.ts"
import { openTunnel } from "./Tunnel.ts"

const text = (name: string, form: string, description: string) =>
  Options.text(name).pipe(Options.withPseudoName(form), Options.withDescription(description), Options.optional)
const texts = (name: string, form: string, description: string) =>
  Options.text(name).pipe(Options.withPseudoName(form), Options.withDescription(description), Options.repeated)

const options = {
  relay: text("relay", "URL", "URL of the relay; without it the cluster document's. CLUSTERCONNECT_RELAY"),
  cluster: text("cluster", "NAME", "Name of the cluster; without it the cluster document's. CLUSTERCONNECT_CLUSTER"),
  dir: text("dir", "PATH", "Directory made by `init`: session.key and document are taken from it. CLUSTERCONNECT_DIR"),
  sessionKey: text("session-key", "PATH", "Session key, PEM (PKCS #8). CLUSTERCONNECT_SESSION_KEY_FILE"),
  document: text("document", "PATH", "Cluster document. CLUSTERCONNECT_DOCUMENT_FILE"),
  authProxy: texts(
    "auth-proxy",
    "HOST:PORT",
    "Ready auth proxies; a name means all its addresses. Repeatable. CLUSTERCONNECT_AUTH_PROXY (commas)",
  ),
  authProxyAll: texts(
    "auth-proxy-all",
    "HOST:PORT",
    "All auth proxies, terminating ones too; without it those of --auth-proxy. CLUSTERCONNECT_AUTH_PROXY_ALL",
  ),
  caFile: texts("ca-file", "PATH", "PEM file of further certificate authorities for the relay. CLUSTERCONNECT_CA_FILE"),
  healthListen: text(
    "health-listen",
    "HOST:PORT",
    `Where to serve /livez, /readyz, /metrics, /status. CLUSTERCONNECT_HEALTH_LISTEN. Default: ${defaultHealthListen}.`,
  ),
  logLevel: Options.choice("log-level", levels).pipe(
    Options.withDescription("Least severe log lines that are written."),
    defaultsTo("info"),
  ),
}

/** The agent's role in front of the relay. Runs until SIGTERM or SIGINT, drains, and exits with 0. */
export const tunnel = Command.make("tunnel", options, (flags) => {
  const { relay, cluster, dir, sessionKey, document, healthListen, authProxy, authProxyAll, caFile, logLevel } = flags
  const logging = { program: "agent", level: logLevel }
  const program = Effect.gen(function* () {
    const settings = yield* Effect.try({
      try: () =>
        tunnelSettings(
          {
            relay: Option.getOrUndefined(relay),
            cluster: Option.getOrUndefined(cluster),
            dir: Option.getOrUndefined(dir),
            sessionKey: Option.getOrUndefined(sessionKey),
            document: Option.getOrUndefined(document),
            healthListen: Option.getOrUndefined(healthListen),
            authProxy,
            authProxyAll,
            caFile,
          },
          process.env,
        ),
      catch: (error) => error as SettingsInvalid,
    })
    const running = yield* openTunnel(settings, makeLog(logging))
    yield* Effect.provide(
      Effect.gen(function* () {
        const { host, port } = yield* HealthServer
        yield* Effect.logInfo("listening", { listener: "health", host, port })
        return yield* Effect.never
      }),
      HealthServer.layer({
        ...settings.health,
        ready: Effect.sync(() => {
          const { sessions } = running.status()
          return [{ name: "control-session", ok: sessions.length > 0 }]
        }),
        routes: { "/status": Effect.sync(() => ({ role: "tunnel", version, ...running.status() })) },
      }),
    )
  })
  return program.pipe(Effect.scoped, Effect.provide(logLayer(logging)))
}).pipe(
  Command.withDescription(
    described("Keep the cluster connected to its relay and carry streams to the auth proxies.", {
      examples: [
        [
          "clusterconnect-agent tunnel --dir /var/lib/clusterconnect --auth-proxy 127.0.0.1:8443",
          "With what `init` made, and one auth proxy.",
        ],
      ],
    }),
  ),
)
