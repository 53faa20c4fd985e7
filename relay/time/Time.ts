/** The two clocks and the timers of this program, so that tests decide what time it is. */
export interface Time {
  /** Monotonic milliseconds. */
  readonly monotonic: () => number
  readonly wall: () => Date
  /** Runs once after the delay; the function returned prevents it. */
  readonly after: (millis: number, run: () => void) => () => void
}

export const systemTime: Time = {
  monotonic: () => performance.now(),
  wall: () => new Date(),
  after: (millis, run) => {
    const timer = setTimeout(run, millis)
    // No timer keeps a process alive that has nothing else to do.
    timer.unref()
    return () => clearTimeout(timer)
  },
}
