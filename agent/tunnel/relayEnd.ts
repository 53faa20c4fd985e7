import type { WebSocket } from "ws"
import { connectWebSocket, type Route, reloadingRoots, UpgradeRefused } from "../../platform/outbound.ts"
import { version } from "../../platform/version.ts"
import { type Dial, type Hello, maxControlBytes } from "../../protocol/control.ts"
import { challengeAnswer } from "../../protocol/enrolment.ts"
import { controlProtocol, path, replicaHeader, sessionHeader, ticketHeader } from "../../protocol/names.ts"
import { carrierMaxPayload } from "../../protocol/splice.ts"
import { refusalFrom } from "../../protocol/status.ts"
import { DialRefused } from "./carriers/connectAuthProxy.ts"
import type { Setback } from "./control/backoff.ts"
import type { Credentials } from "./credentials.ts"
import type { TunnelSettings } from "./settings.ts"

/** From the name lookup to the relay's 101 for a ticket: half of the ticket's life, the auth proxy's 3 s came before. */
export const pickUpMillis = 5_000

/** Everything that this agent says to its relay. */
export interface RelayEnd {
  readonly connect: (signal: AbortSignal) => Promise<WebSocket>
  readonly pickUp: (dial: Dial, sessionSecret: string, protocol: string, signal: AbortSignal) => Promise<WebSocket>
}

/** Connections to one relay by the settings' proxy rules and roots; CA files are read again when they change. */
export const relayEnd = (relayUrl: string, settings: Pick<TunnelSettings, "caFiles" | "proxy">): RelayEnd => {
  const roots = reloadingRoots(settings.caFiles)
  const base = relayUrl.replace(/^http/, "ws")
  const route = (): Route => ({ proxy: settings.proxy, ca: roots() })
  return {
    connect: (signal) =>
      connectWebSocket(base + path.control, {
        ...route(),
        protocols: [controlProtocol],
        maxPayloadBytes: maxControlBytes,
        signal,
      }),
    pickUp: async (dial, sessionSecret, protocol, signal) => {
      try {
        const socket = await connectWebSocket(base + path.agentCarrier, {
          ...route(),
          protocols: [protocol],
          headers: {
            [ticketHeader]: dial.ticket,
            [sessionHeader]: sessionSecret,
            [replicaHeader]: dial.replica,
          },
          handshakeTimeoutMillis: pickUpMillis,
          maxPayloadBytes: carrierMaxPayload,
          startPaused: true,
          signal,
        })
        return socket.on("error", () => {})
      } catch (error) {
        throw new DialRefused("relay-unreachable", judgeFailure(error).detail)
      }
    },
  }
}

/**
 * A relay's status that says "not you" is answered by waiting longer; any other failure may be over in a moment. So may the same status in
 * somebody else's words: an ingress answers 404 while no relay is behind it.
 */
const refusing = new Set([400, 401, 403, 404, 426])

export const judgeFailure = (error: unknown): { readonly setback: Setback; readonly detail: string } => {
  if (!(error instanceof UpgradeRefused)) return { setback: "lost", detail: (error as Error).message }
  const said = refusalFrom(error.status, error.body)
  if (said === undefined) return { setback: "lost", detail: error.message }
  const detail = `${error.message}: ${said.cause}: ${said.message}`
  return { setback: refusing.has(error.status) ? "refused" : "lost", detail }
}

/** The proof for one challenge. The relay's name in it is the one that is configured, never the one that the relay says. */
export const helloFor = (
  { sessionKey, sessionSpki, documentText, document }: Credentials,
  instance: string,
  nonce: string,
): Hello => {
  const { clusterName: cluster, relayUrl } = document
  return {
    type: "hello",
    version,
    cluster,
    instance,
    document: documentText,
    sessionKey: sessionSpki,
    signature: challengeAnswer(sessionKey, { nonce, relayUrl, cluster, instance }),
  }
}
