import type { ControlSession } from "./ControlSession.ts"
import { isBetter } from "./isBetter.ts"

/** The open control sessions of all clusters. */
export class Directory {
  readonly #clusters = new Map<string, Map<string, ControlSession>>()

  /** Adds it and returns the one of the same agent process that it takes the place of. */
  add(session: ControlSession): ControlSession | undefined {
    const { cluster, instance } = session.agent
    const sessions = this.#clusters.get(cluster) ?? new Map<string, ControlSession>()
    this.#clusters.set(cluster, sessions)
    const superseded = sessions.get(instance)
    sessions.set(instance, session)
    return superseded
  }

  remove(session: ControlSession): void {
    const { cluster, instance } = session.agent
    const sessions = this.#clusters.get(cluster)
    if (sessions?.get(instance) !== session) return
    sessions.delete(instance)
    if (sessions.size === 0) this.#clusters.delete(cluster)
  }

  of(cluster: string): readonly ControlSession[] {
    return [...(this.#clusters.get(cluster)?.values() ?? [])]
  }

  all(): readonly ControlSession[] {
    return [...this.#clusters.values()].flatMap((sessions) => [...sessions.values()])
  }

  get clusters(): number {
    return this.#clusters.size
  }

  /** The best session that takes new streams and was not tried yet. Those that have been quiet are asked for a sign of life, for the next choice. */
  choose(cluster: string, tried: ReadonlySet<ControlSession>): ControlSession | undefined {
    let best: ControlSession | undefined
    for (const session of this.#clusters.get(cluster)?.values() ?? []) {
      if (!session.isOpen || session.draining || tried.has(session)) continue
      if (session.isQuiet) session.probe()
      if (best === undefined || isBetter(session, best)) best = session
    }
    return best
  }
}
