/** Why the next control session is dialled when it is. */
export type Setback =
  /** Nothing answered, or an open session was lost. */
  | "lost"
  /** The relay answered and said no; asking again soon changes nothing. */
  | "refused"

/** No idle agent waits longer, so that a relay that is back is noticed within a minute. */
export const longestDelayMillis = 60_000
const firstDelayMillis = 500
/** A human has to act at the relay: the first repetition waits longer. */
const firstRefusedDelayMillis = 5_000
/** Full jitter can draw 0; an agent never dials more often than this. */
const shortestDelayMillis = 100
/** With live streams there is no jitter: kubectl's exec dies after 61 s without a byte. The same pace as the proxy's. */
const livePaceMillis = [0, 250, 500, 1_000] as const

/**
 * Milliseconds until the next dial after `failures` failures in a row (1 for the first). Exponential with full jitter up to
 * 60 s; while streams may be waiting, a short fixed pace.
 */
export const delayMillis = (
  setback: Setback,
  failures: number,
  { streamsLive, random }: { readonly streamsLive: boolean; readonly random: number },
): number => {
  if (streamsLive && setback === "lost")
    return livePaceMillis[Math.min(failures, livePaceMillis.length) - 1] ?? livePaceMillis[0]
  const first = setback === "refused" ? firstRefusedDelayMillis : firstDelayMillis
  const ceiling = Math.min(longestDelayMillis, first * 2 ** Math.min(failures - 1, 16))
  return Math.max(shortestDelayMillis, Math.round(random * ceiling))
}
