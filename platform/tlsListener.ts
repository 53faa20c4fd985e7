/** Ports that speak HTTP/1.1 with upgrades, with TLS or without. */
export { Admission, type AdmissionLimits, type Refusal } from "./listener/Admission.ts"
export { holdBody, releaseBody } from "./listener/bodyFlow.ts"
export {
  type ConnectionEnd,
  HTTP_FRONT_LIMITS,
  HttpFront,
  type HttpFrontLimits,
  type HttpFrontOptions,
} from "./listener/HttpFront.ts"
export { faultText, type HeadFault, headFault } from "./listener/headFault.ts"
export { type KeyPairFiles, KeyPairInvalid, type LoadedKeyPair, readKeyPair } from "./listener/keyPair.ts"
export {
  ADMISSION_LIMITS,
  HANDSHAKE_TIMEOUT_MILLIS,
  Listener,
  type ListenerEvent,
  type ListenerOptions,
} from "./listener/Listener.ts"
