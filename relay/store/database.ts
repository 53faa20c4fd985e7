import { Database, SQLiteError } from "bun:sqlite"
import { closeSync, openSync } from "node:fs"
import { Data } from "effect"

/** The database cannot be used: not ours, newer than this program, or not writable. */
export class DatabaseUnusable extends Data.TaggedError("DatabaseUnusable")<{
  readonly path: string
  readonly detail: string
}> {
  override get message() {
    return `database ${this.path}: ${this.detail}`
  }
}

/** What to say about a database that failed while it was used. Nothing of the change was stored: each is one transaction. */
export const databaseFailure = (path: string, error: SQLiteError): DatabaseUnusable =>
  new DatabaseUnusable({
    path,
    detail:
      error.code === "SQLITE_FULL"
        ? "the disk is full, nothing was stored: free some space and try again"
        : `nothing was stored: ${error.message}`,
  })

/** A command on the relay's host holds the write lock for milliseconds; so long another one, or a relay that starts, waits for it. */
export const commandBusyMillis = 5_000
/** Nothing else runs while a serving relay waits for the lock: every carrier stands still meanwhile. */
export const servingBusyMillis = 100
/** "CCRL": a database of another program is refused and never written to. */
export const applicationId = 0x4343524c

/** Step n brings a database of version n to version n + 1. A released step is never changed; the last version is the length. */
const migrations: readonly string[] = [
  `
  CREATE TABLE clusters (
    name TEXT PRIMARY KEY,
    identity_key TEXT NOT NULL,
    document TEXT,
    serial INTEGER NOT NULL DEFAULT 0,
    registered_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE listed_keys (cluster TEXT NOT NULL, identity_key TEXT NOT NULL, PRIMARY KEY (cluster, identity_key)) STRICT;
  CREATE TABLE retired_keys (cluster TEXT NOT NULL, identity_key TEXT NOT NULL, PRIMARY KEY (cluster, identity_key)) STRICT;
  CREATE TABLE revoked_clusters (name TEXT PRIMARY KEY, revoked_at INTEGER NOT NULL) STRICT;
  CREATE TABLE revoked_callers (
    issuer TEXT NOT NULL, subject TEXT NOT NULL, revoked_at INTEGER NOT NULL, PRIMARY KEY (issuer, subject)
  ) STRICT;
  CREATE TABLE tokens (
    hash TEXT PRIMARY KEY,
    cluster TEXT NOT NULL,
    replaces INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    spent_at INTEGER,
    spent_by TEXT
  ) STRICT;
  CREATE TABLE actions (id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL) STRICT;
  `,
]
export const schemaVersion = migrations.length

/**
 * Opens the file, makes it (0600) when it is missing, and brings its schema up to date. Afterwards a statement that finds the database
 * locked waits for `busyMillis`. Throws {@link DatabaseUnusable}.
 */
export const openDatabase = (path: string, busyMillis: number): Database => {
  let database: Database | undefined
  try {
    // SQLite gives its journal files the mode of the database.
    closeSync(openSync(path, "a", 0o600))
    database = new Database(path, { strict: true, readwrite: true, create: false })
    database.run(`PRAGMA busy_timeout = ${commandBusyMillis}`)
    // A registration or a revocation that was answered must survive a power cut.
    database.run("PRAGMA journal_mode = WAL")
    database.run("PRAGMA synchronous = FULL")
    migrate(database, path)
    database.run(`PRAGMA busy_timeout = ${busyMillis}`)
    return database
  } catch (error) {
    database?.close()
    if (error instanceof DatabaseUnusable) throw error
    if (error instanceof SQLiteError) throw databaseFailure(path, error)
    throw new DatabaseUnusable({ path, detail: (error as Error).message })
  }
}

const migrate = (database: Database, path: string) => {
  const pragma = (name: string) => Number(Object.values(database.query(`PRAGMA ${name}`).get() as object)[0])
  database
    .transaction(() => {
      const [id, version] = [pragma("application_id"), pragma("user_version")]
      const tables = database.query("SELECT count(*) AS n FROM sqlite_master").get() as { n: number }
      if (id !== applicationId && (id !== 0 || tables.n > 0))
        throw new DatabaseUnusable({ path, detail: "it is the database of another program" })
      if (version > schemaVersion)
        throw new DatabaseUnusable({
          path,
          detail: `its schema is version ${version} and this relay knows ${schemaVersion}: start the newer relay`,
        })
      for (const step of migrations.slice(version)) database.run(step)
      if (version === schemaVersion) return
      database.run(`PRAGMA application_id = ${applicationId}`)
      database.run(`PRAGMA user_version = ${schemaVersion}`)
    })
    .immediate()
}
