import { Effect } from "effect"
import type { ListenFailed } from "../../platform/HealthServer.ts"
import type { Log } from "../../platform/logs.ts"
import { type KeyPairInvalid, Listener } from "../../platform/tlsListener.ts"
import { refusalResponse } from "../../protocol/status.ts"
import type { RelayLimits } from "../configuration/limits.ts"
import { listenAddress, type RelayConfiguration } from "../configuration/RelayConfiguration.ts"
import { connectionsEnded, connectionsRefused, handshakesFailed, refusals } from "../metrics.ts"
import type { Front } from "./Front.ts"

/** Opens the public port. The limits in force are those of each moment. */
export const relayListener = (
  configuration: Pick<RelayConfiguration, "listen" | "tls">,
  limits: () => RelayLimits,
  front: Front,
  log: Log,
): Effect.Effect<Listener, ListenFailed | KeyPairInvalid> =>
  Effect.tryPromise({
    try: () =>
      Listener.open({
        ...listenAddress(configuration.listen)!,
        ...(configuration.tls === undefined ? {} : { tls: configuration.tls }),
        admission: {
          get maxConnections() {
            return limits().connections
          },
          get maxUnauthenticated() {
            return limits().unauthenticatedSockets
          },
          get maxUnauthenticatedPerAddress() {
            // In plain text everybody has the terminator's address.
            return configuration.tls === undefined ? undefined : limits().unauthenticatedSocketsPerAddress
          },
        },
        onRequest: (request, response) => void front.request(request, response),
        onUpgrade: (request, socket, head) => void front.upgrade({ request, socket, head }),
        refusal: (message) => {
          refusals.add(1, { cause: "HeadMalformed" })
          const { headers, body } = refusalResponse({ code: 400, hop: "relay", cause: "HeadMalformed", message })
          return { contentType: headers["content-type"] ?? "application/json", body }
        },
        onEvent: (event) => {
          if (event.type === "refused") connectionsRefused.add(1, { limit: event.limit })
          else if (event.type === "ended") connectionsEnded.add(1, { end: event.end })
          else if (event.type === "handshakeFailed") handshakesFailed.add(1)
          else if (event.type === "certificateReloaded")
            log.info("certificate in use", { notAfter: event.notAfter, fingerprint256: event.fingerprint256 })
          else if (event.type === "certificateRefused")
            log.error("certificate refused; the one in use stays", { error: event.error })
        },
      }),
    catch: (error) => error as ListenFailed | KeyPairInvalid,
  })
