import { type Either, Schema } from "effect"
import { maxDocumentBytes } from "./document.ts"
import { decodeJson, type Malformed, SecretText, SignatureText, SpkiText } from "./signed.ts"

/** A control message carries at most one cluster document. */
export const maxControlBytes = maxDocumentBytes + 16 * 1024

/** The agent pings its control session this often while it carries streams, else at the idle interval. */
export const busyPingMillis = 5_000
export const idlePingMillis = 20_000
/** Without an answer by then the agent dials anew. */
export const pongMillis = 5_000
/** A control session that has not proven itself by then is closed. */
export const challengeMillis = 10_000

const Version = Schema.String.pipe(Schema.maxLength(64))
const InstanceId = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9._-]{1,128}$/))
/** `<host:port as dialled>#<boot nonce>` of one auth proxy process. */
export const AuthProxyInstance = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9.:[\]_%-]{1,262}#[A-Za-z0-9_-]{1,64}$/))

/** Why an agent could not give the relay its half of a carrier; the user reads it as the cause of a Status. */
export const DialFailure = Schema.Literal(
  /** No auth proxy address resolved or none answered in time. */
  "auth-proxy-unreachable",
  /** The auth proxy answered, and not with 101. */
  "auth-proxy-refused",
  /** The instance that holds the stream is not among the auth proxies, or is another process now. */
  "instance",
  /** The agent's own limit of dials. */
  "overloaded",
  /** The agent is shutting down. */
  "draining",
  /** The relay did not accept the agent's half. */
  "relay-unreachable",
)
export type DialFailure = typeof DialFailure.Type

const PingId = Schema.Number.pipe(Schema.int(), Schema.nonNegative())
const Ping = Schema.Struct({ type: Schema.Literal("ping"), id: PingId })
const Pong = Schema.Struct({ type: Schema.Literal("pong"), id: PingId })

/** Goes into headers of the agent's and relay's requests: visible ASCII, so that no peer can smuggle a line. */
const Replica = Schema.String.pipe(Schema.pattern(/^[\x21-\x7e]{1,128}$/))
/** A token of RFC 9110 section 5.6.2, as subprotocols are (RFC 6455 section 4.1). */
const Subprotocol = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/))
/** An IP address, perhaps with zone or port. */
const Address = Schema.String.pipe(Schema.pattern(/^[0-9A-Za-z.:%[\]_-]{1,64}$/))

/** The first message, from the relay. */
export const Challenge = Schema.Struct({
  type: Schema.Literal("challenge"),
  nonce: SecretText,
  relayUrl: Schema.String,
  version: Version,
})
export type Challenge = typeof Challenge.Type

/** The agent's proof: see enrolment.ts, `challengeAnswer`. */
export const Hello = Schema.Struct({
  type: Schema.Literal("hello"),
  version: Version,
  cluster: Schema.String,
  /** Names this agent process; a new session of the same instance supersedes the old one. */
  instance: InstanceId,
  document: Schema.String,
  sessionKey: SpkiText,
  signature: SignatureText,
})
export type Hello = typeof Hello.Type

export const Welcome = Schema.Struct({
  type: Schema.Literal("welcome"),
  /** A ticket is valid only together with this. */
  sessionSecret: SecretText,
  replica: Replica,
})
export type Welcome = typeof Welcome.Type

/** The relay's last word before it closes a session that did not prove itself. */
export const Refused = Schema.Struct({
  type: Schema.Literal("refused"),
  cause: Schema.String,
  message: Schema.String,
})
export type Refused = typeof Refused.Type

export const Dial = Schema.Struct({
  type: Schema.Literal("dial"),
  ticket: SecretText,
  /** Which relay replica holds the user's half. */
  replica: Replica,
  /** On resume: the auth proxy process that holds the stream. */
  instance: Schema.optionalWith(AuthProxyInstance, { exact: true }),
  /** Stream subprotocols that the user's proxy speaks, best first. */
  protocols: Schema.Array(Subprotocol).pipe(Schema.minItems(1), Schema.maxItems(8)),
  callerHash: SecretText,
  /** As the relay saw it. */
  clientAddress: Address,
})
export type Dial = typeof Dial.Type

export const DialFailed = Schema.Struct({
  type: Schema.Literal("dialFailed"),
  ticket: SecretText,
  reason: DialFailure,
})
export type DialFailed = typeof DialFailed.Type

/** The agent takes no new dials; what it carries goes on until it says 4001. */
export const Draining = Schema.Struct({ type: Schema.Literal("draining") })

export const FromRelay = Schema.Union(Challenge, Welcome, Refused, Dial, Ping, Pong)
export type FromRelay = typeof FromRelay.Type
export const FromAgent = Schema.Union(Hello, DialFailed, Draining, Ping, Pong)
export type FromAgent = typeof FromAgent.Type

export const decodeFromRelay = (text: string): Either.Either<FromRelay, Malformed> =>
  decodeJson("control message of the relay", FromRelay, text, maxControlBytes)
export const decodeFromAgent = (text: string): Either.Either<FromAgent, Malformed> =>
  decodeJson("control message of the agent", FromAgent, text, maxControlBytes)
export const encodeMessage = (message: FromRelay | FromAgent): string => JSON.stringify(message)

/** `GET /v1/clusters/{cluster}`. A closed schema: nothing in it decides whom the client trusts but the document's own signature. */
export const ConnectionInformation = Schema.Struct({
  clusterName: Schema.String,
  document: Schema.String.pipe(Schema.maxLength(maxDocumentBytes)),
  /** Control sessions of this cluster now. */
  agentSessions: Schema.Number.pipe(Schema.int(), Schema.nonNegative()),
  /** Subprotocols of streams that the relay passes on, best first. */
  streamProtocols: Schema.optionalWith(Schema.Array(Subprotocol).pipe(Schema.maxItems(8)), { exact: true }),
})
export type ConnectionInformation = typeof ConnectionInformation.Type

export const decodeConnectionInformation = (text: string): Either.Either<ConnectionInformation, Malformed> =>
  decodeJson("connection information", ConnectionInformation, text, maxControlBytes)
