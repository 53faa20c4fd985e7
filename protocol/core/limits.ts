/** Every number of the stream core, with its reason. Lengths in bytes, times in milliseconds. */

/** What every stream has per direction outside the process budget, and what may be sent before `accepted`: a TLS hello and a small request fit. */
export const floorBytes = 16 * 1024
/** First window: the measured best for small requests beside bulk (5/11 ms p50/p99; with 1 MiB 9/17 ms) at 2.7 Gbit/s. */
export const initialWindowBytes = 256 * 1024
/** No window is larger, and a credit over what was sent by more than this is illegal. 640 Mbit/s at 100 ms. */
export const maxWindowBytes = 8 * 1024 * 1024
/** What a sender keeps for replay at most, whatever credit it was given. */
export const keepCapBytes = maxWindowBytes
/** A stream takes at most this share of what the budget has left, so that latecomers find something. */
export const spareShare = 1 / 8

/** Handed to a carrier beyond what it has flushed. 8 MiB in a socket at 1 Mbit/s would be 67 s without a pong. */
export const maxUnflushedBytes = 128 * 1024
/** ... or this much time at the measured rate, whichever is less. */
export const unflushedMillis = 50
/** A frame carries no more than this time at the measured rate: on a slow link every frame heard is a sign of life. */
export const frameMillis = 100
export const smallestFrameBytes = 4 * 1024
/** Frame length until a rate is known. */
export const firstFrameBytes = 16 * 1024
/** Shortest time over which a send rate is measured. */
export const rateSampleMillis = 100

/** An ack waits this long for more bytes to confirm; far below every deadline that waits for acks. */
export const ackDelayMillis = 25
/** Bytes after which an ack does not wait, and which are worth a credit: each costs a message on every hop, and with 64 KiB they were as many as data frames. */
export const confirmBytes = 128 * 1024
/** Silence after which a ping goes out while the stream is in use, and again until the ping counts as missed. */
export const pingAfterMillis = 2_500
export const pongWithinMillis = 2_500
/** ... and this many of the carrier's smallest round trips, because a slow link queues for seconds beside bulk. */
export const pongRoundTrips = 4
/** All of that patience; with the ping's 2.5 s still below the 10 s in which a stream has to be heard to get a request. */
export const longestPongMillis = 6_500
/** The same for a stream that nobody uses: only so that the server's silence limit never ends a live one. */
export const idlePingAfterMillis = 60_000
/** `open` or `resume` unanswered for this long: the carrier is given up. */
export const acceptWithinMillis = 5_000

/** How long a side that has ended keeps a carrier for the peer's last answer. */
export const lingerMillis = 5_000
/**
 * An application has left and nobody takes its last bytes for this long: reset. A proxy's user who has gone must leave nothing behind within 5 s, and no
 * request is completed by closing; an auth proxy closes after a complete answer, whose reader may have been stopped for a while.
 */
export const goneLingerMillis = { client: 3_000, server: 60_000 } as const
/** RTT is measured this often while bytes flow. */
export const rttProbeMillis = 1_000
/** Shortest time over which a delivery rate is measured; also at least one RTT. */
export const windowSampleMillis = 20
/** A pause this long, and of two round trips, starts the measurement anew: an idle stream says nothing about the path. */
export const windowIdleMillis = 1_000
/** A window below the first one is left only to paths so slow that it would queue for longer than this. */
export const queueMillis = 1_000

export const proxyHoldMillis = 300_000
/** Longer than the proxy's, so that a proxy never resumes a stream that has just gone. */
export const authProxyHoldMillis = 330_000
