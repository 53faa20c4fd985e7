import { Metric, MetricBoundaries, MetricLabel } from "effect"
import { checkMetric, type Kind, MetricInvalid } from "./names.ts"

export type Labels<L extends string> = { readonly [K in L]: string }

/** A metric without labels takes none. */
export type LabelArguments<L extends string> = [L] extends [never] ? [] : [labels: Labels<L>]

/** Counts up. Usable from any code, in Effect or not: it is an Effect metric underneath, one registry for both. */
export interface Counter<L extends string = never> {
  add(amount: number, ...labels: LabelArguments<L>): void
  /** The counter of these labels, looked up once: for code that counts bytes. */
  with(...labels: LabelArguments<L>): { add(amount?: number): void }
}

export interface Gauge<L extends string = never> {
  set(value: number, ...labels: LabelArguments<L>): void
  add(amount: number, ...labels: LabelArguments<L>): void
}

export interface Histogram<L extends string = never> {
  observe(value: number, ...labels: LabelArguments<L>): void
}

/**
 * Label values beyond this many combinations are counted under `overflow`: a label that a peer can choose must not fill
 * memory. A relay of 1,000 clusters with a few outcomes each stays below.
 */
export const MAX_SERIES = 5000

/** 5 ms to 60 s: a request on a kept connection takes milliseconds, a resumed stream up to 45 s. */
export const SECONDS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const

/** 256 B to 256 MiB in steps of 16. */
export const BYTES_BUCKETS = [256, 4096, 65_536, 1_048_576, 16_777_216, 268_435_456] as const

export function counter<const L extends string = never>(
  name: string,
  help: string,
  labels: readonly L[] = [],
): Counter<L> {
  const seriesOf = declare(
    "counter",
    name,
    help,
    labels,
    Metric.counter(name, { description: help, incremental: true }),
  )
  return {
    add: (amount, ...values) => seriesOf(values)(amount),
    with(...values) {
      const update = seriesOf(values)
      return { add: (amount = 1) => update(amount) }
    },
  }
}

export function gauge<const L extends string = never>(name: string, help: string, labels: readonly L[] = []): Gauge<L> {
  const seriesOf = declare("gauge", name, help, labels, Metric.gauge(name, { description: help }))
  const current = new Map<string, number>()
  const put = (value: number, values: LabelArguments<L>) => {
    current.set(seriesKey(labels, values), value)
    seriesOf(values)(value)
  }
  return {
    set: (value, ...values) => put(value, values),
    add: (amount, ...values) => put((current.get(seriesKey(labels, values)) ?? 0) + amount, values),
  }
}

export function histogram<const L extends string = never>(
  name: string,
  help: string,
  labels: readonly L[] = [],
  buckets: readonly number[] = name.endsWith("_bytes") ? BYTES_BUCKETS : SECONDS_BUCKETS,
): Histogram<L> {
  const boundaries = MetricBoundaries.fromIterable(buckets)
  const seriesOf = declare("histogram", name, help, labels, Metric.histogram(name, boundaries, help))
  return { observe: (value, ...values) => seriesOf(values)(value) }
}

const collectors = new Set<() => void>()

/** Runs `collect` before every scrape, to set gauges from what is current then; returns the function that stops it. */
export function beforeScrape(collect: () => void): () => void {
  collectors.add(collect)
  return () => void collectors.delete(collect)
}

export function collectNow(): void {
  for (const collect of collectors) collect()
}

type Updatable = { unsafeUpdate(value: number, labels: ReadonlyArray<MetricLabel.MetricLabel>): void }

/** What a program says about one of its metrics. */
export interface Declaration {
  readonly kind: Kind
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
}

const declared = new Map<string, Declaration>()

/** Every metric that a loaded module has, used or not, in the order in which they were made. */
export const declarations = (): readonly Declaration[] => [...declared.values()]

function declare<L extends string>(kind: Kind, name: string, help: string, labels: readonly L[], metric: Updatable) {
  checkMetric(kind, name, help, labels)
  const before = declared.get(name)?.kind ?? kind
  if (before !== kind) throw new MetricInvalid(name, `it is a ${before} already`)
  declared.set(name, { kind, name, help, labels })
  const known = new Map<string, ReadonlyArray<MetricLabel.MetricLabel>>()
  const overflow = labels.map((label) => MetricLabel.make(label, "overflow"))
  const tags = (values: LabelArguments<L>) => {
    const key = seriesKey(labels, values)
    const found = known.get(key)
    if (found) return found
    if (known.size >= MAX_SERIES) return overflow
    const made = labels.map((label) => MetricLabel.make(label, labelValue(label, values)))
    known.set(key, made)
    return made
  }
  // A counter that was never touched is 0, not absent: rates and alerts need the first increment to be a difference.
  if (labels.length === 0 && kind !== "histogram") metric.unsafeUpdate(0, [])
  return (values: LabelArguments<L>) => {
    const found = tags(values)
    return (value: number) => metric.unsafeUpdate(value, found)
  }
}

function seriesKey<L extends string>(labels: readonly L[], values: LabelArguments<L>): string {
  return labels.length === 1
    ? labelValue(labels[0] as L, values)
    : JSON.stringify(labels.map((label) => labelValue(label, values)))
}

function labelValue<L extends string>(label: L, values: LabelArguments<L>): string {
  return (values[0] as Labels<L> | undefined)?.[label] ?? ""
}
