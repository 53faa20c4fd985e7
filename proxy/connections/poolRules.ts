/** What the pool's decisions look at; times are `performance.now()`. */
export interface ConnectionView {
  /** Its stream has a carrier now. */
  readonly attached: boolean
  /** The auth proxy wants no new request on it. */
  readonly draining: boolean
  readonly lastHeardMillis: number
}

/** A stream that was silent for longer is not known to be alive; its carrier may have died unnoticed. */
const heardWithinMillis = 10_000
/** For a request that must not run twice, life is proven this recently. */
export const provenWithinMillis = 2_000
/** A request that finds no attached connection in this time is answered with 503: well within the 10 s promised in total. */
export const attachWithinMillis = 8_000
/** Idle connections go after this time without any request; the auth proxy's own limit is 180 s. */
export const idleMillis = 120_000
/** While requests come, idle connections are asked for life this often, so that one is always fit for use. */
export const keepAliveMillis = 5_000
/** Connections kept ready beside those in use: a request costs no dial, and neither does the next. */
export const readyConnections = 2
/** Below the auth proxy's 256 streams per caller, which other proxies of the same caller share. */
export const maxConnections = 240

/**
 * Connections opened at a time. Each costs some 10 ms of CPU, its round trips are waited for in parallel, and handshakes side by side end side by
 * side: 50 requests from cold over 40 ms are answered sooner when half of them wait for a connection that is done with its first.
 */
export const maxOpening = 24

/** Whether a request of any kind may be sent on an idle connection now. */
export const usable = (connection: ConnectionView, now: number): boolean =>
  connection.attached && !connection.draining && now - connection.lastHeardMillis < heardWithinMillis

/** Whether nobody needs to be asked before a mutation is sent on it. */
export const provenLive = (connection: ConnectionView, now: number): boolean =>
  now - connection.lastHeardMillis < provenWithinMillis

/** How long such a request waits for the answer that proves life: on a slow link two of its round trips more. */
export const provingMillis = ({ pathMillis }: { readonly pathMillis: number | undefined }): number =>
  provenWithinMillis + 2 * (pathMillis ?? 0)

export interface PoolCounts {
  readonly busy: number
  readonly idle: number
  readonly opening: number
  readonly waiting: number
  /** Time since the last request began or ended. */
  readonly quietMillis: number
}

/** How many connections to open now: one for each that waits, and the ready ones while the pool is in use. */
export const toOpen = ({ busy, idle, opening, waiting, quietMillis }: PoolCounts): number => {
  const ready = waiting > 0 || busy > 0 || quietMillis < idleMillis ? readyConnections : 0
  const wanted = Math.max(waiting + ready - idle - opening, 0)
  return Math.max(Math.min(wanted, maxOpening - opening, maxConnections - busy - idle - opening), 0)
}

/** Delay before the next attempt after `failures` in a row. */
export const retryMillis = (failures: number): number => Math.min(250 * 2 ** Math.max(failures - 1, 0), 2_000)
