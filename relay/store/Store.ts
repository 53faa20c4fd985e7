import type { Database, SQLiteError } from "bun:sqlite"
import { type Actions, actionsIn } from "./actions.ts"
import { type Clusters, clustersIn } from "./clusters.ts"
import { applicationId, commandBusyMillis, type DatabaseUnusable, databaseFailure, openDatabase } from "./database.ts"
import { type JoinTokens, joinTokensIn } from "./joinTokens.ts"
import { type RevokedCallers, revokedCallersIn } from "./revokedCallers.ts"

/** Everything that the relay remembers. Calls are synchronous and take microseconds; what they change is on disk when they return. */
export interface Store {
  readonly clusters: Clusters
  readonly tokens: JoinTokens
  readonly callers: RevokedCallers
  readonly actions: Actions
  /** All of `body` or nothing of it; other writers wait meanwhile. */
  readonly write: <A>(body: () => A) => A
  /** Changes whenever another connection or process has written. */
  readonly dataVersion: () => number
  /** Throws when nothing can be written. */
  readonly checkWritable: () => void
  readonly close: () => void
}

/** Everything waits as long as `busyMillis`, then fails, while another process writes. Throws {@link DatabaseUnusable}. */
export const openStore = (path: string, { busyMillis = commandBusyMillis } = {}): Store => {
  const database = openDatabase(path, busyMillis)
  const version = database.query<{ data_version: number }, []>("PRAGMA data_version")
  return {
    clusters: clustersIn(database),
    tokens: joinTokensIn(database),
    callers: revokedCallersIn(database),
    actions: actionsIn(database),
    write: (body) => inTransaction(database, body),
    dataVersion: () => version.get()?.data_version ?? 0,
    checkWritable: writableCheck(database, path),
    close: () => database.close(),
  }
}

/** Whoever may ask for health must not keep the disk busy. */
const checkedForMillis = 2_000

/**
 * A statement that changes no row writes nothing, and would not notice a full disk: this one commits the file's mark, which is the same
 * in every version. The schema's version is not: a newer program may have raised it meanwhile.
 */
const writableCheck = (database: Database, path: string): (() => void) => {
  let checked: { readonly until: number; readonly failure: DatabaseUnusable | undefined } | undefined
  const failure = () => {
    try {
      database.run(`PRAGMA application_id = ${applicationId}`)
      return undefined
    } catch (error) {
      return databaseFailure(path, error as SQLiteError)
    }
  }
  return () => {
    if (checked === undefined || performance.now() > checked.until)
      checked = { failure: failure(), until: performance.now() + checkedForMillis }
    if (checked.failure !== undefined) throw checked.failure
  }
}

const inTransaction = <A>(database: Database, body: () => A): A =>
  database.inTransaction ? body() : database.transaction(body).immediate()
