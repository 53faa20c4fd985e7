import { type Spread, spread } from "./quantile.ts"

export interface Measurement extends Spread {
  readonly label: string
  readonly unit: string
  readonly values: readonly number[]
}

export interface RowResult {
  /** In words, with its number in the table of docs/performance.md. */
  readonly title: string
  readonly bar: string
  /** Whether each part of the bar is met; undefined: not judged in this run. */
  readonly verdicts: Readonly<Record<string, boolean>>
  readonly measurements: readonly Measurement[]
  readonly notes: readonly string[]
}

export interface RowContext {
  readonly quick: boolean
  readonly rounds: number
  /** Of one measurement. */
  readonly seconds: number
  readonly say: (line: string) => void
  /** What the row starts is undone by this. */
  readonly stack: AsyncDisposableStack
}

export interface Row {
  readonly name: string
  /** Of a row that makes so many, whatever is asked for. */
  readonly rounds?: number
  readonly run: (context: RowContext) => Promise<RowResult>
}

/** Values by label, gathered round by round, so that what is compared was measured side by side. */
export class Gathered {
  readonly #values = new Map<string, { unit: string; values: number[] }>()

  add(label: string, unit: string, value: number): void {
    const known = this.#values.get(label) ?? { unit, values: [] }
    known.values.push(value)
    this.#values.set(label, known)
  }

  get measurements(): readonly Measurement[] {
    return [...this.#values].map(([label, { unit, values }]) => ({ label, unit, values, ...spread(values) }))
  }

  median(label: string): number {
    const known = this.#values.get(label)
    if (known === undefined) throw new Error(`nothing was measured as "${label}"`)
    return spread(known.values).median
  }
}
