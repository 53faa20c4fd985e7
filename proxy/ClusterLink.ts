import { Either } from "effect"
import type { Log } from "../platform/logs.ts"
import type { WindowBudget } from "../protocol/stream/WindowBudget.ts"
import { ConnectionPool } from "./connections/ConnectionPool.ts"
import { EndToEndConnection } from "./connections/EndToEndConnection.ts"
import { CertificateNotTrusted } from "./connections/endToEndTls.ts"
import { type PathFailure, pathFailureOf, RefusedByPolicy } from "./failures.ts"
import type { RelayClient } from "./relay/RelayClient.ts"
import { mayGoToCluster } from "./tokens/audienceRules.ts"
import type { RelayTokenGate } from "./tokens/RelayTokenGate.ts"
import type { TokenSource } from "./tokens/TokenSource.ts"
import { ClusterTrust, type TrustOptions } from "./trust/ClusterTrust.ts"

export interface LinkOptions {
  readonly cluster: string
  readonly token: TokenSource
  /** What the user says that the cluster's audience is. */
  readonly audience: string | undefined
  readonly relay: RelayClient
  readonly gate: RelayTokenGate
  readonly trust: Pick<TrustOptions, "known" | "givenPin" | "acceptNewPin" | "confirm">
  readonly budget: WindowBudget
  readonly holdMillis?: number
  readonly log: Log
}

/** Everything between this process and one cluster: whom to believe, and the connections. */
export interface ClusterLink {
  readonly cluster: string
  readonly trust: ClusterTrust
  readonly pool: ConnectionPool<EndToEndConnection>
}

/** Checks the tokens, fetches and verifies the document. Opens no stream yet. @throws {PathFailure} */
export const clusterLink = async (options: LinkOptions): Promise<ClusterLink> => {
  const { cluster, token, audience, relay, gate, log } = options
  Either.getOrThrowWith(mayGoToCluster(token.current(), audience, Date.now()), (refusal) => refusal)
  gate.token()
  const trust = await ClusterTrust.establish({
    ...options.trust,
    cluster,
    relay,
    onTrusted: (document) => gate.learn(Object.values(document.audiences)),
  })
  const health = reachability(cluster, log)
  const pool = new ConnectionPool(cluster, () => health(connection(options, trust)))
  return { cluster, trust, pool }
}

/** One end-to-end connection. A certificate that does not verify may only be newer than the document: it is fetched again once. */
const connection = async (options: LinkOptions, trust: ClusterTrust): Promise<EndToEndConnection> => {
  const { cluster, relay, budget, holdMillis, log } = options
  const open = () =>
    EndToEndConnection.open({
      cluster,
      relay,
      roots: trust.document.roots,
      budget,
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

/** Tells the log once when the cluster cannot be reached, and once when it can again. */
const reachability = (cluster: string, log: Log) => {
  let down: PathFailure["cause"] | undefined
  return async <A>(opening: Promise<A>): Promise<A> => {
    try {
      const opened = await opening
      if (down !== undefined) log.info(`cluster ${cluster} can be reached again`)
      down = undefined
      return opened
    } catch (error) {
      const failure = pathFailureOf(error)
      if (failure.cause !== down)
        log.warn(`cluster ${cluster} cannot be reached: ${failure.message}`, { hop: failure.hop, cause: failure.cause })
      down = failure.cause
      throw failure
    }
  }
}
