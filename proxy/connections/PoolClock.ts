/** How the pool waits; tests drive it by hand. */
export interface PoolClock {
  readonly now: () => number
  readonly after: (millis: number, body: () => void) => () => void
}

export const systemClock: PoolClock = {
  now: () => performance.now(),
  after: (millis, body) => {
    const timer = setTimeout(body, millis)
    return () => clearTimeout(timer)
  },
}
