import type { Copies } from "./isCutTooOften.ts"

/** What is said of a session at its end. */
export interface SessionReport {
  readonly name: string
  /** Lines or bytes that came, as text. */
  readonly carried: string
  /** Why the session counts as lost; undefined when it survived whole. */
  readonly lost: string | undefined
  /** Of a session of copies: how many there were, and how many of them the cluster itself ended short of the file (docs/decisions/0089). */
  readonly copies?: Copies
}

/** A kubectl session under observation. */
export interface Session {
  readonly name: string
  /** Moments at which something arrived, `performance.now()`. */
  readonly arrivals: readonly number[]
  /** It brought everything and has nothing more to say. */
  readonly isComplete?: boolean
  /** Resolves when the session is under way. */
  readonly started: Promise<void>
  /** Ends it and judges. */
  finish(): Promise<SessionReport>
}

/** kubectl's two ways of upgrading. */
export const protocols = {
  websocket: {},
  spdy: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false", KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" },
} as const
export type Protocol = keyof typeof protocols

/** The longest time without an arrival that touches the interval; nothing is known beyond its end. */
export const longestPause = (arrivals: readonly number[], from: number, to: number): number => {
  const moments = arrivals.length === 0 ? [from] : arrivals
  let longest = 0
  for (const [index, at] of moments.entries()) {
    const next = moments[index + 1] ?? to
    if (next >= from && at <= to) longest = Math.max(longest, next - at)
  }
  return longest
}
