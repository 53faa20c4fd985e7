/** Why a stream ended. The same word in the reset frame, in `StreamEnd`, in logs and in metrics. */
export const reason = {
  /** Both directions ended with fin and were delivered: the only clean end. */
  closed: "closed",
  /** The reader at this end went away before the peer's end of data. */
  readerGone: "reader-gone",
  /** The local socket failed. */
  socketFailed: "socket-failed",
  /** No carrier came back within the hold time. */
  holdExpired: "hold-expired",
  /** The first carrier was lost, or never answered, before `accepted`. */
  notAccepted: "not-accepted",
  /** The auth proxy does not know the stream. */
  unknown: "unknown",
  /** A resume with a wrong secret, by another caller, or of an old generation. */
  resumeRefused: "resume-refused",
  /** Close code 4003. */
  revoked: "revoked",
  authProxyDraining: "auth-proxy-draining",
  authProxyGone: "auth-proxy-gone",
  tooManyStreamsOfCaller: "too-many-streams-of-caller",
  tooManyStreams: "too-many-streams",
  /** The peer broke the protocol; what exactly is in the word. */
  malformedFrame: "protocol-malformed-frame",
  unexpectedFrame: "protocol-unexpected-frame",
  gap: "protocol-gap",
  ackBeyondSent: "protocol-ack-beyond-sent",
  ackRegressed: "protocol-ack-regressed",
  beyondCredit: "protocol-beyond-credit",
  excessiveCredit: "protocol-excessive-credit",
  dataAfterFin: "protocol-data-after-fin",
  finMoved: "protocol-fin-moved",
} as const
