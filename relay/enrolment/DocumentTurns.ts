import { documentPauseMillis, documentsAtOnce } from "../configuration/limits.ts"

/** How often one cluster may replace its document: a token bucket for each. Asked only for clusters whose identity is trusted, so their number bounds it. */
export class DocumentTurns {
  readonly #now: () => number
  readonly #spent = new Map<string, { readonly since: number; readonly turns: number }>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Takes a turn; false when there is none. */
  take(cluster: string): boolean {
    const now = this.#now()
    const before = this.#spent.get(cluster) ?? { since: now, turns: 0 }
    const returned = Math.max(Math.floor((now - before.since) / documentPauseMillis), 0)
    const turns = Math.max(before.turns - returned, 0)
    if (turns >= documentsAtOnce) return false
    this.#spent.set(cluster, {
      since: turns === 0 ? now : before.since + returned * documentPauseMillis,
      turns: turns + 1,
    })
    return true
  }
}
