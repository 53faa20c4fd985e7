import type { Reading } from "./readers.ts"

export interface Case {
  readonly label: string
  readonly times: number
  readonly atOnce: number
  readonly sha256: string
  readonly bytes: number
  readonly read: (index: number) => Promise<Reading>
}

export interface Measured {
  readonly label: string
  readonly times: number
  /** How often not everything came. */
  readonly short: number
  /** Bytes that were missing at most. */
  readonly most: number
}

/** Reads as often as the case says; tells of each reading that was not whole. */
export const measured = async (
  { label, times, atOnce, sha256, bytes, read }: Case,
  say: (line: string) => void,
): Promise<Measured> => {
  let next = 0
  const shorts: number[] = []
  const worker = async () => {
    for (let index = next++; index < times; index = next++) {
      const seen = await read(index)
      if (seen.code === 0 && seen.sha256 === sha256) continue
      shorts.push(bytes - seen.bytes)
      say(`${label}, ${index}: ${seen.bytes} of ${bytes} bytes, exit code ${seen.code}: ${seen.said.trim()}`)
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, times) }, worker))
  say(`${label}: ${shorts.length} of ${times} not whole`)
  return { label, times, short: shorts.length, most: Math.max(0, ...shorts) }
}
