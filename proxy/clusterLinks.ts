import { join } from "node:path"
import { Effect, type Scope } from "effect"
import type { Log } from "../platform/logs.ts"
import { OutboundInvalid, proxySettings, reloadingRoots } from "../platform/outbound.ts"
import { defaultClusterAudience, defaultRelayAudience } from "../protocol/names.ts"
import { WindowBudget } from "../protocol/stream/WindowBudget.ts"
import { type ClusterLink, clusterLink } from "./ClusterLink.ts"
import { preflight } from "./connections/preflight.ts"
import type { Directories } from "./directories.ts"
import type { Report } from "./events/ClientEvent.ts"
import { UsageWrong } from "./failures.ts"
import type { Readiness } from "./readiness/Readiness.ts"
import { RelayClient } from "./relay/RelayClient.ts"
import type { ProxySettings } from "./settings/ProxySettings.ts"
import { RelayTokenGate } from "./tokens/RelayTokenGate.ts"
import { askForPin } from "./trust/askForPin.ts"
import type { FirstSight } from "./trust/ClusterTrust.ts"
import { KnownClusters } from "./trust/KnownClusters.ts"

/** All streams of the process together; each has 16 KiB per direction beside it. */
const windowBudgetBytes = 256 * 1024 * 1024

/** Ways to the clusters of these settings, whose identities were confirmed; open while the scope lives. Fails with a ClientFailure. */
export const clusterLinks = (
  settings: ProxySettings,
  places: Directories,
  log: Log,
  readiness: Readiness,
  report: Report,
): Effect.Effect<readonly ClusterLink[], unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const known = new KnownClusters(join(places.configuration, "known-clusters.json"))
    const roots = yield* attempt(() => trustedRoots(settings.caFile))
    const gate = new RelayTokenGate({
      source: settings.relayToken,
      relayAudience: settings.relayAudience,
      defaultRelayAudience: defaultRelayAudience(settings.relay),
      clusterAudiences: [
        ...settings.clusters.map(({ cluster }) => defaultClusterAudience(settings.relay, cluster)),
        ...settings.clusters.flatMap(({ audience }) => (audience === undefined ? [] : [audience])),
      ],
      relay: settings.relay,
      known,
      singleAudience: settings.singleAudience,
    })
    const relay = new RelayClient({
      relay: settings.relay,
      proxy: proxySettings(process.env),
      roots,
      relayToken: () => gate.token(),
    })
    const budget = new WindowBudget(windowBudgetBytes)
    const interactive = process.stdin.isTTY === true && process.stderr.isTTY === true
    const ask = askForPin({ input: process.stdin, output: process.stderr })
    const confirm = interactive ? (sight: FirstSight) => readiness.unhurried(ask(sight)) : undefined
    const linked: ClusterLink[] = []
    yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(linked.map((link) => link.close()))))
    // One after the other: a person answers one question at a time.
    const { relayAudience, singleAudience } = settings
    for (const { cluster, token, audience, pin } of settings.clusters) {
      const trust = { known, givenPin: pin, acceptNewPin: settings.acceptNewPin, confirm }
      const { holdMillis } = settings
      const within = { gate, trust, budget, holdMillis, log: log.with({ cluster }), report }
      const options = { cluster, token, audience, relayAudience, singleAudience, relay, ...within }
      // Waiting may be interrupted; a link that came about all the same has opened nothing yet.
      const link = yield* attempt((signal) =>
        readiness.reach({ cluster, hop: "relay" }, () => clusterLink(options), signal),
      )
      linked.push(link)
    }
    return linked
  })

const trustedRoots = (caFile: string | undefined) => {
  try {
    return reloadingRoots(caFile === undefined ? [] : [caFile])
  } catch (error) {
    if (error instanceof OutboundInvalid) throw new UsageWrong({ detail: `--ca-file: ${error.message}` })
    throw error
  }
}

/** One harmless request to each cluster, so that what is wrong shows at the start. Fails with a PathFailure. */
export const reachAll = (links: readonly ClusterLink[], readiness: Readiness): Effect.Effect<void, unknown> =>
  Effect.forEach(
    links,
    ({ cluster, pool, token }) =>
      attempt((signal) =>
        readiness.reach(
          { cluster, hop: "auth-proxy" },
          async (withinMillis) => preflight(cluster, pool, await token(), withinMillis),
          signal,
        ),
      ),
    { concurrency: "unbounded", discard: true },
  )

const attempt = <A>(body: (signal: AbortSignal) => A | Promise<A>) =>
  Effect.tryPromise({ try: async (signal) => await body(signal), catch: (error) => error })
