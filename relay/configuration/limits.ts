import { busyPingMillis } from "../../protocol/control.ts"
import { authProxyHoldMillis } from "../../protocol/core/limits.ts"
import { dialAnswerMillis } from "../../protocol/ticket.ts"

/** Every limit of the relay by its name in the configuration. All may be changed by `limits` of the configuration file. */
export interface RelayLimits {
  /** Open streams of one caller, the ones still opening included. */
  readonly streamsPerCaller: number
  /** Open streams to one cluster, the ones still opening included. */
  readonly streamsPerCluster: number
  /** Control sessions of one cluster. */
  readonly controlSessionsPerCluster: number
  /** Sockets whose peer has not shown yet who it is. */
  readonly unauthenticatedSockets: number
  /** The same from one address; it is off in plain text, where a terminator's address is everybody's. */
  readonly unauthenticatedSocketsPerAddress: number
  readonly connections: number
  /** Failed joins from one address within {@link joinFailureWindowMillis}. */
  readonly joinFailuresPerAddress: number
}

export const defaultLimits: RelayLimits = {
  // A browser of clusters, as k9s, holds some 30 watches, each in a stream of its own: eight of them are 240.
  streamsPerCaller: 256,
  // One auth proxy takes 2,000 streams; two of them are the default deployment.
  streamsPerCluster: 4_000,
  // Two replicas, doubled during a rollout, and room for a deployment of eight.
  controlSessionsPerCluster: 16,
  // A quarter of a second of TLS handshakes: see platform, ADMISSION_LIMITS.
  unauthenticatedSockets: 1_024,
  unauthenticatedSocketsPerAddress: 128,
  // 5,000 clusters with two agents, and 4,000 streams with two halves, leave room below it.
  connections: 32_768,
  // A person mistypes a few times; a token has 256 bits, so this bounds load, not guessing.
  joinFailuresPerAddress: 20,
}

/** A quarter of an hour: longer than anybody retries by hand, shorter than a support call. */
export const joinFailureWindowMillis = 15 * 60_000
/** Addresses whose failed joins are remembered; the oldest is forgotten first. At 100 bytes each, 1 MB. */
export const maxJoinFailureAddresses = 10_000

/** Join tokens that exist at a time; they are swept when they expire. */
export const maxJoinTokens = 10_000
/** Identity keys listed for one cluster: the present one, the next, and room for a mistake. */
export const maxListedKeys = 8

/** New documents of one cluster at once: an emergency rotation of everything takes four. Each is a write that waits for the disk. */
export const documentsAtOnce = 16
/** After that, one more in this time. */
export const documentPauseMillis = 30_000

/**
 * From the user's upgrade to an answer. Clients wait 7 s for it, and an answer that names the broken hop is worth more than
 * their own timeout. It is below a ticket's life, so no ticket outlives its opening.
 */
export const openingMillis = 6_500
/** Sessions of a cluster that are asked for one stream: the first, and two when it fails. */
export const maxDialAttempts = 3
/** An agent that carries streams says something this often (`busyPingMillis`): a session that is quiet for longer is idle, or dead. */
export const quietAfterMillis = busyPingMillis
/**
 * A quiet session is asked for a sign of life together with its dial; without one by then the next session is dialled too. More than
 * the round trip of the slowest link, half of what a dial has.
 */
export const signOfLifeMillis = dialAnswerMillis / 2

/** Three of the agent's idle pings: a session that was silent for longer has lost its peer. */
export const sessionSilenceMillis = 60_000
/** What may wait in a control session's socket: some 2,000 dials that the agent does not read. */
export const maxSessionBacklogBytes = 1024 * 1024

/** An idle client pings every minute, and an auth proxy that hears nothing for this long has ended the stream. */
export const carrierSilenceMillis = authProxyHoldMillis

/** A body must arrive within this time, whatever its size. */
export const bodyMillis = 10_000
/** Bodies of the admin API, import excepted. */
export const maxAdminBodyBytes = 16 * 1024
/** 10,000 registrations with documents of a few KiB. */
export const maxImportBytes = 64 * 1024 * 1024

/** How often the database is asked whether another process wrote to it: well within the 5 s of a revocation. */
export const databasePollMillis = 500

/** After SIGTERM: carriers and sessions have been told to move; who has not gone by then is cut. */
export const shutdownGraceMillis = 3_000
