/** A stream that leaves anything behind leaves an entry of a map with an object behind: more than this. */
const mostBytesOfAStream = 256
/** What a collector may keep or give back between two looks, whatever was done. */
const noiseBytes = 8 * 2 ** 20
/** One object in ten streams. */
const mostObjectsOfAStream = 0.1
/** Caches that are not full, timers that have not ended. */
const noiseObjects = 1_000
/** Counted things: what is ready or about to close differs by a few between two looks. */
const noiseCount = 6

/** By how much something that a program holds may grow while so many streams come and go; `what` ends as `heldBy` names it. */
export const mostGrowth = (what: string, streams: number): number => {
  if (what.endsWith("resident")) return Math.max(noiseBytes, mostBytesOfAStream * streams)
  if (what.endsWith("objects")) return Math.max(noiseObjects, mostObjectsOfAStream * streams)
  return what.endsWith("bytes") ? noiseBytes : noiseCount
}
