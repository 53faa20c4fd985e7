import { randomBytes } from "node:crypto"
import { homedir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import type { Log } from "../platform/logs.ts"
import { announce, noticeOf, type Surroundings } from "./announce.ts"
import type { ClusterLink } from "./ClusterLink.ts"
import { clusterLinks, reachAll } from "./clusterLinks.ts"
import { registered } from "./control/registered.ts"
import { type Directories, directories } from "./directories.ts"
import { LocalEndpoint } from "./endpoint/LocalEndpoint.ts"
import { type Listening, listenOn } from "./endpoint/listenOn.ts"
import { localAuthority } from "./endpoint/localAuthority.ts"
import { newLocalLeaf } from "./endpoint/localCertificates.ts"
import type { Report } from "./events/ClientEvent.ts"
import { unreported } from "./events/report.ts"
import type { KubeconfigEntry } from "./kubeconfig/kubeconfig.ts"
import { credentialPrefix } from "./kubeconfig/ownEntries.ts"
import { type PlacedKubeconfig, placeKubeconfig } from "./kubeconfig/placeKubeconfig.ts"
import { atOnce, type Readiness } from "./readiness/Readiness.ts"
import { nowServing } from "./run/interruption.ts"
import type { ProxySettings } from "./settings/ProxySettings.ts"

export interface ServedCluster extends Listening {
  readonly link: ClusterLink
  readonly endpoint: LocalEndpoint
  readonly entry: KubeconfigEntry<string>
}

/** Clusters that are served while the scope lives, and the kubeconfig that says so. */
export interface Serving {
  readonly served: readonly ServedCluster[]
  readonly kubeconfig: PlacedKubeconfig
}

export interface ServingWishes {
  /** How long clusters that cannot be reached yet are waited for; left out, not at all. */
  readonly readiness?: Readiness
  /** Told when a cluster is lost and regained. */
  readonly report?: Report | undefined
  /** Where the kubeconfig is written to with `--file -`, if not to standard output. */
  readonly print?: (text: string) => Promise<void>
  /** Where the lock of the kubeconfig is kept, if its place is nobody else's to know. */
  readonly locks?: string
  /** False where a kubeconfig is there already. */
  readonly kubeconfig?: boolean
}

/** Serves the clusters until the scope closes; each was reached once. Then what was made is removed. Fails with a ClientFailure. */
export const serving = (
  settings: ProxySettings,
  log: Log,
  wishes: ServingWishes = {},
): Effect.Effect<Serving, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const places = yield* attempt(() =>
      directories({ platform: process.platform, home: homedir(), environment: process.env }),
    )
    const { readiness = atOnce, report = unreported } = wishes
    const links = yield* clusterLinks(settings, places, log, readiness, report)
    yield* reachAll(links, readiness)
    const served = yield* endpoints(settings, links, places, log)
    const entries = served.map(({ entry }) => entry)
    if (wishes.kubeconfig === false) return { served, kubeconfig: { path: undefined, merged: false } }
    return { served, kubeconfig: yield* placeKubeconfig(settings, entries, places, wishes.print, wishes.locks) }
  })

/** Serves the clusters and says so, until it is interrupted. Fails with a ClientFailure. */
export const serveClusters = (
  settings: ProxySettings,
  surroundings: Surroundings,
): Effect.Effect<never, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { log, report } = surroundings
    const registration = yield* registered({ relay: settings.relay, background: false }, log)
    const { served, kubeconfig } = yield* serving(settings, log, { report })
    yield* registration.serves({ served, kubeconfig })
    nowServing()
    announce(served.map(noticeOf), { kubeconfig, relay: settings.relay }, surroundings)
    const clusters = served.map(({ link }) => link.cluster)
    const stopping = Effect.promise(async () => report?.({ event: "stopping", clusters }))
    return yield* Effect.onInterrupt(Effect.never, () => stopping)
  })

const attempt = <A>(body: () => A | Promise<A>) =>
  Effect.tryPromise({ try: async () => await body(), catch: (error) => error })

const endpoints = (settings: ProxySettings, links: readonly ClusterLink[], places: Directories, log: Log) =>
  Effect.gen(function* () {
    const authority = yield* attempt(() => localAuthority(join(places.state, "local-authority.pem"), new Date()))
    const leaf = yield* attempt(() => newLocalLeaf(authority, new Date()))
    const served: ServedCluster[] = []
    for (const [index, link] of links.entries()) {
      const credential = `${credentialPrefix}${randomBytes(32).toString("base64url")}`
      const context = {
        cluster: link.cluster,
        relay: settings.relay,
        profile: settings.profile,
        pool: link.pool,
        clusterToken: link.token,
        log: log.with({ cluster: link.cluster }),
      }
      const endpoint = yield* Effect.acquireRelease(
        Effect.sync(() => new LocalEndpoint(context, leaf, credential)),
        (endpoint) => Effect.promise(() => endpoint.close()),
      )
      const listening = yield* attempt(() => listenOn(endpoint, settings.port, index))
      const name = settings.kubeContext ?? link.cluster
      const entry = { name, port: listening.port, authorityPem: authority.certificatePem, credential }
      served.push({ ...listening, link, endpoint, entry })
    }
    return served
  })
