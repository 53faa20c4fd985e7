/** What arrived and was not looked at yet; a reader waits for the next. */
export class Inbox<A> {
  readonly #items: A[] = []
  readonly #waiting: ((item: A) => void)[] = []

  get size(): number {
    return this.#items.length
  }

  put(item: A): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#items.push(item)
    else waiting(item)
  }

  next(): Promise<A> {
    const item = this.#items.shift()
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item)
  }
}
