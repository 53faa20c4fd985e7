import type { Database } from "bun:sqlite"

/**
 * Administrative actions on their way to the audit log. They are written in the transaction of what they tell about, by the
 * running relay and by commands alike, so that none is lost and none is told that did not happen.
 */
export interface Actions {
  readonly add: (line: object) => void
  /** The oldest ones, in order. */
  readonly pending: () => readonly { readonly id: number; readonly line: object }[]
  /** Takes this one and all before it off the list. */
  readonly told: (upToId: number) => void
}

/** One round of telling; the next follows at once. */
const batch = 500

export const actionsIn = (database: Database): Actions => {
  const insert = database.query("INSERT INTO actions (line) VALUES (?)")
  const select = database.query<{ id: number; line: string }, [number]>(
    "SELECT id, line FROM actions ORDER BY id LIMIT ?",
  )
  const remove = database.query("DELETE FROM actions WHERE id <= ?")
  return {
    add: (line) => void insert.run(JSON.stringify(line)),
    pending: () => select.all(batch).map(({ id, line }) => ({ id, line: JSON.parse(line) as object })),
    told: (upToId) => void remove.run(upToId),
  }
}

/**
 * Tells the log what waits for it. Lines stay on the list while the log does not take them; one that it took is not told again while
 * this process lives, though it cannot be taken off the list.
 */
export const tellingOf = (actions: Actions, writeNow: (line: object) => boolean): (() => void) => {
  let toldUpTo = 0
  return () => {
    for (let pending = actions.pending(); pending.length > 0; pending = actions.pending()) {
      let taken = true
      for (const { id, line } of pending) {
        if (id <= toldUpTo) continue
        taken = writeNow(line)
        if (!taken) break
        toldUpTo = id
      }
      if (pending.some(({ id }) => id <= toldUpTo)) actions.told(toldUpTo)
      if (!taken) return
    }
  }
}
