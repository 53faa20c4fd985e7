import { Either } from "effect"
import type { WebSocket } from "ws"
import { connectWebSocket, type ProxySettings, requestJson, type TrustedRoots } from "../../platform/outbound.ts"
import { type ConnectionInformation, decodeConnectionInformation, maxControlBytes } from "../../protocol/control.ts"
import { instanceHeader, path, streamProtocol } from "../../protocol/names.ts"
import type { DialAttempt } from "../../protocol/stream/CarrierDialler.ts"
import { NotAuthenticated, PathBroken } from "../failures.ts"
import { failureFromAnswer, relayFailure } from "./relayFailures.ts"

/** From the name lookup to an answer. Below the 8 s that a request waits for a connection, so that the answer names what failed. */
const callMillis = 7_000

export interface RelayRoute {
  readonly relay: string
  readonly proxy: ProxySettings
  readonly roots: () => TrustedRoots
  /** A token that may go to the relay, now. Rejects with NotAuthenticated. */
  readonly relayToken: () => Promise<string>
}

/** The relay, as this client uses it. Whatever it says is only ever data of a fixed shape. */
export class RelayClient {
  readonly #route: RelayRoute

  constructor(route: RelayRoute) {
    this.#route = route
  }

  get relay(): string {
    return this.#route.relay
  }

  /** @throws {PathFailure} */
  async connectionInformation(cluster: string, signal?: AbortSignal): Promise<ConnectionInformation> {
    const { relay, proxy, roots, relayToken } = this.#route
    const headers = { authorization: `Bearer ${await relayToken()}` }
    const answer = await requestJson(new URL(path.cluster(cluster), relay), {
      headers,
      proxy,
      ca: roots(),
      timeoutMillis: callMillis,
      maxBodyBytes: maxControlBytes,
      signal,
    }).catch((error: unknown) => {
      throw relayFailure(relay, error)
    })
    if (answer.status !== 200) throw failureFromAnswer(relay, answer.status, answer.text)
    const decoded = decodeConnectionInformation(answer.text)
    if (Either.isLeft(decoded)) throw unexpected(`${relay}: ${decoded.left.message}`)
    if (decoded.right.clusterName !== cluster) throw unexpected(`${relay} answered for another cluster than ${cluster}`)
    return decoded.right
  }

  /** One carrier of a stream. @throws {PathFailure}; `notAsked` when it is whoever issues tokens that gave none */
  async dial(cluster: string, attempt: DialAttempt): Promise<WebSocket> {
    const { relay, proxy, roots, relayToken } = this.#route
    try {
      const url = new URL(path.stream(cluster), relay)
      url.protocol = url.protocol === "http:" ? "ws:" : "wss:"
      return await connectWebSocket(url, {
        protocols: [streamProtocol],
        headers: {
          authorization: `Bearer ${await relayToken().catch(notAsked)}`,
          ...(attempt.instance === undefined ? {} : { [instanceHeader]: attempt.instance }),
        },
        handshakeTimeoutMillis: callMillis,
        proxy,
        ca: roots(),
        signal: attempt.signal,
      })
    } catch (error) {
      throw relayFailure(relay, error)
    }
  }
}

/** Whoever issues tokens has judged: another try gets the same answer. */
const judgements: ReadonlySet<string> = new Set(["IssuerRefused", "NotLoggedIn"])

/** What the relay itself would say of a token (expired, for another audience) is no less final when it is known before. */
const notAsked = (error: unknown): never => {
  if (!(error instanceof NotAuthenticated) || error.hop === "relay" || judgements.has(error.cause)) throw error
  const { hop, cause, detail } = error
  throw new NotAuthenticated({ hop, cause, detail, notAsked: true })
}

const unexpected = (detail: string) =>
  new PathBroken({ hop: "relay", cause: "UnexpectedAnswer", detail: `${detail}: is that the relay's URL?` })
