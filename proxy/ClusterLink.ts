import type { Log } from "../platform/logs.ts"
import type { WindowBudget } from "../protocol/stream/WindowBudget.ts"
import { ConnectionPool } from "./connections/ConnectionPool.ts"
import { EndToEndConnection } from "./connections/EndToEndConnection.ts"
import { CertificateNotTrusted } from "./connections/endToEndTls.ts"
import { OpenStreams } from "./connections/OpenStreams.ts"
import type { PathState } from "./control/controlMessages.ts"
import type { Report } from "./events/ClientEvent.ts"
import { type PathFailure, pathFailureOf, RefusedByPolicy } from "./failures.ts"
import { printable } from "./printable.ts"
import type { RelayClient } from "./relay/RelayClient.ts"
import { type ClusterTokens, checkedToken, documentRules, worthSending } from "./tokens/checkedToken.ts"
import { ClusterTrust, type TrustOptions } from "./trust/ClusterTrust.ts"

export interface LinkOptions extends ClusterTokens {
  readonly relay: RelayClient
  readonly trust: Pick<TrustOptions, "known" | "givenPin" | "acceptNewPin" | "confirm">
  readonly budget: WindowBudget
  readonly holdMillis?: number
  readonly log: Log
  readonly report: Report
}

/** Everything between this process and one cluster: whom to believe, and the connections. */
export interface ClusterLink {
  readonly cluster: string
  readonly trust: ClusterTrust
  /** The caller's token for the cluster, as it is now. Rejects with a PathFailure, also when the present one belongs elsewhere. */
  readonly token: () => Promise<string>
  readonly pool: ConnectionPool<EndToEndConnection>
  /** The way to the cluster as it is now. */
  readonly path: () => PathState
  /** Ends the connections. Resolves when the auth proxy knows of it, at the latest after 2 s. */
  readonly close: () => Promise<void>
}

/** Checks the tokens, fetches and verifies the document. Opens no stream yet. @throws {PathFailure} */
export const clusterLink = async (options: LinkOptions): Promise<ClusterLink> => {
  const { cluster, token, audience, relay, gate, log, report } = options
  // One that would have to be fetched is: when it is known for which audience.
  if (token.adopt === undefined) worthSending(await token.current(), audience)
  await gate.token()
  const trust = await ClusterTrust.establish({
    ...options.trust,
    cluster,
    relay,
    ...documentRules(options),
  })
  const currentToken = checkedToken(options, relay.relay, options.trust.known, () => trust.document)
  await currentToken()
  const streams = new OpenStreams()
  const health = reachability(cluster, log, report, streams.closing)
  const pool = new ConnectionPool(cluster, () => health.watch(connection(options, trust, streams)))
  const close = () => {
    pool.close()
    return streams.close()
  }
  return { cluster, trust, token: currentToken, pool, path: () => pathState(pool.path, health.broken()), close }
}

/** One end-to-end connection. A certificate that does not verify may only be newer than the document: it is fetched again once. */
const connection = async (
  options: LinkOptions,
  trust: ClusterTrust,
  streams: OpenStreams,
): Promise<EndToEndConnection> => {
  const { cluster, relay, budget, holdMillis, log } = options
  const open = () =>
    EndToEndConnection.open({
      cluster,
      relay,
      roots: trust.document.roots,
      budget,
      streams,
      ...(holdMillis === undefined ? {} : { holdMillis }),
      onEvent: (event) => log.debug(`stream ${event.type}`, { ...event, type: undefined }),
    })
  const began = performance.now()
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof CertificateNotTrusted)) throw error
  }
  await trust.refresh(began)
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof CertificateNotTrusted)) throw error
    throw new RefusedByPolicy({
      hop: "auth-proxy",
      cause: "CertificateNotTrusted",
      detail: `what answers as cluster ${cluster} has no certificate under the roots of its document (${error.message}). Nothing was sent to it. If its certificates were just renewed, try again in a moment`,
    })
  }
}

interface Broken {
  readonly failure: PathFailure
  readonly since: Date
}

/** Tells log and events once when the cluster cannot be reached, and once when it can again. */
const reachability = (cluster: string, log: Log, report: Report, closing: AbortSignal) => {
  let down: Broken | undefined
  const watch = async <A>(opening: Promise<A>): Promise<A> => {
    try {
      const opened = await opening
      if (down !== undefined) {
        log.info(`cluster ${cluster} can be reached again`)
        void report({ event: "regained", cluster })
      }
      down = undefined
      return opened
    } catch (error) {
      // Given up by ourselves: nothing is broken.
      if (closing.aborted) throw error
      const failure = pathFailureOf(error)
      const { hop, cause, message } = failure
      if (cause !== down?.failure.cause) {
        log.warn(`cluster ${cluster} cannot be reached: ${message}`, { hop, cause })
        void report({ event: "lost", cluster, hop, cause, message: printable(message) })
      }
      down = { failure, since: down?.since ?? new Date() }
      throw failure
    }
  }
  return { watch, broken: () => down }
}

const pathState = (path: "attached" | "suspended" | "none", broken: Broken | undefined): PathState => {
  if (path === "attached") return { state: "connected" }
  if (broken === undefined) return { state: path === "suspended" ? "reconnecting" : "idle" }
  const { hop, cause, message } = broken.failure
  return { state: "unreachable", hop, cause, message, since: broken.since.toISOString() }
}
