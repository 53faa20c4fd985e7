/** What the choice of a session for a new stream looks at. */
export interface Candidate {
  readonly streams: number
  /** Nothing came from its agent lately. */
  readonly isQuiet: boolean
}

/**
 * The session with fewer streams takes the next one, but never before one that gave a sign of life: an agent that vanished loses its
 * streams and would be the first choice then, for as long as its control session looks open.
 */
export const isBetter = (one: Candidate, other: Candidate): boolean =>
  one.isQuiet === other.isQuiet ? one.streams < other.streams : other.isQuiet
