import { hangupIgnored } from "./hangup.ts"

/** Signals that end a program: from a terminal, from whoever started it, from a terminal that went away. */
const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const
export type EndSignal = (typeof signals)[number]

/** Those that end this program: one that was started to outlive its terminal does. */
export const endSignals = (): readonly EndSignal[] => signals.filter((signal) => signal !== "SIGHUP" || !hangupIgnored)

/** From now on these signals do nothing but this; the function that comes back undoes it. */
export const takeSignals = (on: (signal: EndSignal) => void): (() => void) => {
  const undo = endSignals().map((signal) => {
    const others = process.listeners(signal)
    const take = () => on(signal)
    process.removeAllListeners(signal)
    process.on(signal, take)
    return () => {
      process.off(signal, take)
      for (const other of others) process.on(signal, other)
    }
  })
  return () => {
    for (const one of undo) one()
  }
}
