import { readdirSync, readFileSync } from "node:fs"
import { authProxyHoldMillis } from "../../../protocol/core/limits.ts"
import type { Program } from "../../world/Program.ts"

const mebibyte = 1024 * 1024
const sampleMillis = 2_000
/** Growth over the second half below this is the collector's: the relay's heap was seen to breathe by 20 MB between two collections. */
const freeGrowthBytes = 24 * mebibyte
const freeGrowthShare = 0.15
/** The product's hold: until then an auth proxy rightly remembers more and more streams that have ended. A shorter run is judged by its second half. */
const settledMillis = authProxyHoldMillis + 10_000
/** Connections of the attempts under way when a sample is taken: eight workers with up to four descriptors each. */
const freeGrowthDescriptors = 32

/** Four minutes. */
const minSettledSamples = 120

interface Sample {
  readonly atMillis: number
  readonly bytes: number
  readonly descriptors: number
}

/** Memory and descriptors of one process over the run. */
export interface Row {
  readonly name: string
  readonly first: Sample
  readonly middle: Sample
  readonly last: Sample
  readonly peakBytes: number
  /** By the straight line through the samples behind the hold time, in a shorter run those of its second half. */
  readonly growthBytes: number
  readonly growthDescriptors: number
  readonly isFlat: boolean
}

const residentBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024

/** Samples processes until it is stopped. */
export class ProcessTable {
  readonly #programs: readonly Program[]
  readonly #samples: readonly Sample[][]
  readonly #timer: ReturnType<typeof setInterval>

  constructor(programs: readonly Program[]) {
    this.#programs = programs
    this.#samples = programs.map(() => [])
    this.#take()
    this.#timer = setInterval(() => this.#take(), sampleMillis)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  rows(): readonly Row[] {
    return this.#programs.map(({ name }, index) => {
      const samples = this.#samples[index] ?? []
      const [first] = samples
      const middle = samples[Math.floor(samples.length / 2)]
      const last = samples.at(-1)
      if (first === undefined || middle === undefined || last === undefined)
        throw new Error(`${name} was never seen alive`)
      const settled = samples.filter(({ atMillis }) => atMillis >= first.atMillis + settledMillis)
      const secondHalf = samples.slice(Math.floor(samples.length / 2))
      const half = settled.length >= minSettledSamples ? settled : secondHalf
      const growthBytes = growth(half, ({ bytes }) => bytes)
      const growthDescriptors = growth(half, ({ descriptors }) => descriptors)
      const isFlat =
        growthBytes <= Math.max(freeGrowthBytes, freeGrowthShare * middle.bytes) &&
        growthDescriptors <= freeGrowthDescriptors
      const peakBytes = Math.max(...samples.map(({ bytes }) => bytes))
      return { name, first, middle, last, peakBytes, growthBytes, growthDescriptors, isFlat }
    })
  }

  #take(): void {
    for (const [index, { pid }] of this.#programs.entries())
      try {
        const descriptors = readdirSync(`/proc/${pid}/fd`).length
        this.#samples[index]?.push({ atMillis: performance.now(), bytes: residentBytes(pid), descriptors })
      } catch {
        // It has ended: the run says so, with its exit status.
      }
  }
}

/** How far the least-squares line through the values rises from the first sample to the last. */
export const growth = (samples: readonly Sample[], of: (sample: Sample) => number): number => {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const times = samples.map(({ atMillis }) => atMillis)
  const middleTime = mean(times)
  const middleValue = mean(samples.map(of))
  const spread = times.reduce((sum, time) => sum + (time - middleTime) ** 2, 0)
  if (spread === 0) return 0
  const slope =
    samples.reduce((sum, sample) => sum + (sample.atMillis - middleTime) * (of(sample) - middleValue), 0) / spread
  return slope * (times.at(-1)! - times[0]!)
}

/** The table for people. */
export const tableText = (rows: readonly Row[]): string => {
  const mb = (bytes: number) => (bytes / mebibyte).toFixed(1).padStart(7)
  const head = `${"process".padEnd(20)} start MB  half MB   end MB  peak MB  growth once settled  fds start/half/end`
  return [
    head,
    ...rows.map(({ name, first, middle, last, peakBytes, growthBytes, growthDescriptors, isFlat }) =>
      [
        name.padEnd(20),
        ...[first, middle, last].map(({ bytes }) => mb(bytes)),
        mb(peakBytes),
        `${mb(growthBytes)} MB ${growthDescriptors.toFixed(0).padStart(4)} fds`,
        [first, middle, last].map(({ descriptors }) => descriptors).join("/"),
        isFlat ? "flat" : "GROWS",
      ].join("  "),
    ),
  ].join("\n")
}
