import { jest } from "bun:test"

/** Longer than a look of a hold takes once its time has come. */
const turns = 4

/** Time that goes on only when it is told to, for timers and `performance.now`; immediates run as ever. Until the end of the scope. */
export function virtualTime() {
  jest.useFakeTimers()
  /** The process stood still: timers that were due meanwhile run at the end, and then what came meanwhile is read. */
  const standStill = async (millis: number, read = () => {}): Promise<void> => {
    jest.advanceTimersByTime(millis)
    read()
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    standStill,
    /** Step by step, so that everything runs when it is due. @param millis whole steps of 100 */
    async pass(millis: number): Promise<void> {
      for (let passed = 0; passed < millis; passed += 100) await standStill(100)
    },
    [Symbol.dispose]: () => void jest.useRealTimers(),
  }
}
