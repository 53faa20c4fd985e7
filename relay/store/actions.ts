import type { Database } from "bun:sqlite"

/**
 * Administrative actions on their way to the audit log. They are written in the transaction of what they tell about, by the
 * running relay and by commands alike, so that none is lost and none is told that did not happen.
 */
export interface Actions {
  readonly add: (line: object) => void
  /** The oldest ones, in order. */
  readonly pending: () => readonly { readonly id: number; readonly line: object }[]
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
