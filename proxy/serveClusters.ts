import { randomBytes } from "node:crypto"
import { homedir } from "node:os"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import type { Log } from "../platform/logs.ts"
import { OutboundInvalid, proxySettings, reloadingRoots } from "../platform/outbound.ts"
import { defaultClusterAudience } from "../protocol/names.ts"
import { WindowBudget } from "../protocol/stream/WindowBudget.ts"
import { type ClusterLink, clusterLink } from "./ClusterLink.ts"
import { preflight } from "./connections/preflight.ts"
import { type Directories, directories } from "./directories.ts"
import { LocalEndpoint, loopback } from "./endpoint/LocalEndpoint.ts"
import { type Listening, listenOn } from "./endpoint/listenOn.ts"
import { localAuthority } from "./endpoint/localAuthority.ts"
import { newLocalLeaf } from "./endpoint/localCertificates.ts"
import { LocalFailure, UsageWrong } from "./failures.ts"
import { credentialPrefix, KubeconfigFile } from "./kubeconfig/KubeconfigFile.ts"
import { type KubeconfigEntry, kubeconfig } from "./kubeconfig/kubeconfig.ts"
import { readyLines } from "./notices.ts"
import { RelayClient } from "./relay/RelayClient.ts"
import type { ClusterSettings, ProxySettings } from "./settings/ProxySettings.ts"
import { RelayTokenGate } from "./tokens/RelayTokenGate.ts"
import { askForPin } from "./trust/askForPin.ts"
import { KnownClusters } from "./trust/KnownClusters.ts"

/** All streams of the process together; each has 16 KiB per direction beside it. */
const windowBudgetBytes = 256 * 1024 * 1024

export interface Surroundings {
  readonly log: Log
  /** Notices become log lines. */
  readonly json: boolean
}

interface ServedCluster extends Listening {
  readonly link: ClusterLink
  readonly entry: KubeconfigEntry
}

/** Serves the clusters until it is interrupted; then removes what it made. Fails with a ClientFailure. */
export const serveClusters = (
  settings: ProxySettings,
  surroundings: Surroundings,
): Effect.Effect<never, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const places = yield* attempt(() =>
      directories({ platform: process.platform, home: homedir(), environment: process.env }),
    )
    const links = yield* clusterLinks(settings, places, surroundings.log)
    yield* Effect.forEach(
      links,
      ({ link, token }) => attempt(() => preflight(link.cluster, link.pool, token.current())),
      {
        concurrency: "unbounded",
      },
    )
    const served = yield* endpoints(settings, links, places, surroundings.log)
    const path = yield* written(settings, served, places)
    announce(settings, served, path, surroundings)
    return yield* Effect.never
  })

const attempt = <A>(body: () => A | Promise<A>) =>
  Effect.tryPromise({ try: async () => await body(), catch: (error) => error })

type Linked = { readonly link: ClusterLink; readonly token: ClusterSettings["token"] }

const clusterLinks = (settings: ProxySettings, places: Directories, log: Log) =>
  Effect.gen(function* () {
    const known = new KnownClusters(join(places.configuration, "known-clusters.json"))
    const roots = yield* attempt(() => trustedRoots(settings.caFile))
    const remembered = yield* attempt(() => known.audiences(settings.relay))
    const gate = new RelayTokenGate({
      source: settings.relayToken,
      relayAudience: settings.relayAudience,
      clusterAudiences: [
        ...remembered,
        ...settings.clusters.map(({ cluster }) => defaultClusterAudience(settings.relay, cluster)),
        ...(settings.audience === undefined ? [] : [settings.audience]),
      ],
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
    const confirm = interactive ? askForPin({ input: process.stdin, output: process.stderr }) : undefined
    const linked: Linked[] = []
    // One after the other: a person answers one question at a time.
    for (const { cluster, token, pin } of settings.clusters) {
      const trust = { known, givenPin: pin, acceptNewPin: settings.acceptNewPin, confirm }
      const { audience } = settings
      const open = attempt(() =>
        clusterLink({ cluster, token, audience, relay, gate, trust, budget, log: log.with({ cluster }) }),
      )
      const link = yield* Effect.acquireRelease(open, ({ pool }) => Effect.sync(() => pool.close()))
      linked.push({ link, token })
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

const endpoints = (settings: ProxySettings, links: readonly Linked[], places: Directories, log: Log) =>
  Effect.gen(function* () {
    const authority = yield* attempt(() => localAuthority(join(places.state, "local-authority.pem"), new Date()))
    const leaf = yield* attempt(() => newLocalLeaf(authority, new Date()))
    const served: ServedCluster[] = []
    for (const [index, { link, token }] of links.entries()) {
      const credential = `${credentialPrefix}${randomBytes(32).toString("base64url")}`
      const context = {
        cluster: link.cluster,
        pool: link.pool,
        clusterToken: token.current,
        log: log.with({ cluster: link.cluster }),
      }
      const endpoint = yield* Effect.acquireRelease(
        Effect.sync(() => new LocalEndpoint(context, leaf, credential)),
        (endpoint) => Effect.promise(() => endpoint.close()),
      )
      const listening = yield* attempt(() => listenOn(endpoint, settings.port, index))
      const name = settings.kubeContext ?? link.cluster
      const entry = { name, port: listening.port, authorityPem: authority.certificatePem, credential }
      served.push({ ...listening, link, entry })
    }
    return served
  })

/** Writes the kubeconfig where it was asked for; undefined when that was stdout. It goes when the scope closes. */
const written = (settings: ProxySettings, served: readonly ServedCluster[], places: Directories) =>
  Effect.gen(function* () {
    const text = kubeconfig(served.map(({ entry }) => entry))
    if (settings.file === "-") {
      yield* attempt(() => writeOut(text))
      return undefined
    }
    const { file } = settings
    const credential = served[0]?.entry.credential ?? ""
    const own = join(places.state, "kubeconfig", fileName(served))
    const write = attempt(() =>
      file === undefined ? KubeconfigFile.own(own, text, credential) : KubeconfigFile.at(file, text, credential),
    )
    const kept = yield* Effect.acquireRelease(write, (one) => Effect.promise(() => one.remove().catch(() => {})))
    return kept.path
  })

const writeOut = (text: string) =>
  new Promise<void>((resolve, reject) =>
    process.stdout.write(text, (error) =>
      error ? reject(new LocalFailure({ detail: `standard output cannot be written: ${error.message}` })) : resolve(),
    ),
  )

/** Ports are exclusive, so two running proxies never share a file. */
const fileName = (served: readonly ServedCluster[]) => {
  const more = served.length > 1 ? `-and-${served.length - 1}-more` : ""
  return `${served[0]?.link.cluster}${more}-${served[0]?.port}.yaml`
}

const announce = (
  settings: ProxySettings,
  served: readonly ServedCluster[],
  path: string | undefined,
  { log, json }: Surroundings,
) => {
  const lines = served.map(({ link, entry, port, insteadOf }) => ({
    cluster: link.cluster,
    context: entry.name,
    port,
    insteadOf,
  }))
  if (json) {
    const common = { host: loopback, kubeconfig: path, relay: settings.relay }
    for (const line of lines) log.info("listening", { listener: line.cluster, ...line, ...common })
  } else process.stderr.write(`${readyLines(lines, path, process.platform).join("\n")}\n`)
}
