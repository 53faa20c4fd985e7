import { StreamNotAccepted } from "./CarrierRefused.ts"

/** Callers that wait for a pong. Ping ids count up, so a pong answers every probe up to its id. */
export class Probes {
  #waiting: { readonly id: number; readonly resolve: () => void; readonly reject: (error: Error) => void }[] = []

  add(id: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ id, resolve, reject }))
  }

  resolve(id: number) {
    const answered = this.#waiting.filter((probe) => probe.id <= id)
    this.#waiting = this.#waiting.filter((probe) => probe.id > id)
    for (const probe of answered) probe.resolve()
  }

  reject(why: string) {
    const waiting = this.#waiting
    this.#waiting = []
    for (const probe of waiting) probe.reject(new StreamNotAccepted(why))
  }
}
