/** Connections that a program opens to the outside: proxy rules, trusted roots, WebSockets and JSON requests. */

export {
  connectWebSocket,
  HANDSHAKE_TIMEOUT_MILLIS,
  MAX_PAYLOAD_BYTES,
  type WebSocketOptions,
} from "./outbound/connectWebSocket.ts"
export {
  BodyTooLarge,
  MAX_REFUSAL_BYTES,
  OutboundInvalid,
  RedirectRefused,
  type Stage,
  Unreachable,
  UpgradeRefused,
} from "./outbound/failures.ts"
export type { Route } from "./outbound/openTransport.ts"
export { pipeTo } from "./outbound/pipeTo.ts"
export { type ProxySettings, proxyFor, proxySettings } from "./outbound/proxyRules.ts"
export {
  type JsonAnswer,
  type JsonRequest,
  MAX_BODY_BYTES,
  REQUEST_TIMEOUT_MILLIS,
  requestJson,
} from "./outbound/requestJson.ts"
export { reloadingRoots, type TrustedRoots, trustedRoots } from "./outbound/trustedRoots.ts"
