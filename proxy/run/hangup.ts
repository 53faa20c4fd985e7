import { readFileSync } from "node:fs"

/** SIGHUP in the signal sets of proc(5). */
const hangupBit = 1n

/**
 * Whether this program was started with SIGHUP ignored, as by nohup(1): then a terminal that goes away is not its end. Known on Linux
 * alone; elsewhere it is never so, and SIGHUP ends the program as SIGTERM does.
 */
export const hangupIgnored: boolean = (() => {
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
    return ignored !== undefined && (BigInt(`0x${ignored}`) & hangupBit) !== 0n
  } catch {
    return false
  }
})()
