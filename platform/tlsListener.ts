/** Ports that speak HTTP/1.1 with upgrades, with TLS or without. */

export { Admission, type AdmissionLimits, type Refusal } from "./listener/Admission.ts"
export { addressBlock } from "./listener/addressBlock.ts"
export { holdBody, releaseBody, stopReading } from "./listener/bodyFlow.ts"
export { HANDSHAKE_TIMEOUT_MILLIS } from "./listener/Handshakes.ts"
export { type ConnectionEnd, HttpFront, type HttpFrontOptions } from "./listener/HttpFront.ts"
export { faultText, type HeadFault, headFault } from "./listener/headFault.ts"
export { HTTP_FRONT_LIMITS, type HttpFrontLimits } from "./listener/httpFrontLimits.ts"
export { type KeyPairFiles, KeyPairInvalid, type LoadedKeyPair, readKeyPair } from "./listener/keyPair.ts"
export {
  ADMISSION_LIMITS,
  Listener,
  type ListenerEvent,
  type ListenerOptions,
} from "./listener/Listener.ts"
export { lingeringClose } from "./listener/lingeringClose.ts"
