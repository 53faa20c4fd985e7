import type { Database } from "bun:sqlite"
import type { Spki } from "../../protocol/keys.ts"

/** The identity that a cluster's name stands for, and the highest document that it signed. */
export interface Registration {
  readonly name: string
  readonly identityKey: Spki
  readonly document: string | undefined
  /** Documents with a lower one are refused. 0 when none has been seen. */
  readonly serial: number
  readonly registeredAt: Date
}

export interface Clusters {
  readonly find: (name: string) => Registration | undefined
  readonly all: () => readonly Registration[]
  /** Of all registrations, without reading their documents. */
  readonly names: () => readonly string[]
  /** Adds or replaces it whole. */
  readonly put: (registration: Registration) => void
  readonly remove: (name: string) => boolean
  readonly listedKeys: (name: string) => readonly Spki[]
  readonly listKey: (name: string, key: Spki) => boolean
  readonly unlistKey: (name: string, key: Spki) => boolean
  /** Names that have listed keys. */
  readonly listedNames: () => readonly string[]
  /** A key that another one took over from; it no longer opens anything unless it is listed anew. */
  readonly isRetired: (name: string, key: Spki) => boolean
  readonly retire: (name: string, key: Spki) => void
  readonly isRevoked: (name: string) => boolean
  readonly revokedNames: () => readonly string[]
  readonly revoke: (name: string, now: Date) => boolean
  readonly restore: (name: string) => boolean
}

interface Row {
  readonly name: string
  readonly identity_key: string
  readonly document: string | null
  readonly serial: number
  readonly registered_at: number
}

const registrationOf = (row: Row): Registration => ({
  name: row.name,
  identityKey: row.identity_key,
  document: row.document ?? undefined,
  serial: row.serial,
  registeredAt: new Date(row.registered_at),
})

export const clustersIn = (database: Database): Clusters => {
  const find = database.query<Row, [string]>("SELECT * FROM clusters WHERE name = ?")
  const all = database.query<Row, []>("SELECT * FROM clusters ORDER BY name")
  const registered = database.query<{ name: string }, []>("SELECT name FROM clusters ORDER BY name")
  const put = database.query(
    "INSERT OR REPLACE INTO clusters (name, identity_key, document, serial, registered_at) VALUES (?, ?, ?, ?, ?)",
  )
  const remove = database.query("DELETE FROM clusters WHERE name = ?")
  const listed = database.query<{ identity_key: string }, [string]>(
    "SELECT identity_key FROM listed_keys WHERE cluster = ? ORDER BY identity_key",
  )
  const listedNames = database.query<{ cluster: string }, []>(
    "SELECT DISTINCT cluster FROM listed_keys ORDER BY cluster",
  )
  const list = database.query("INSERT OR IGNORE INTO listed_keys (cluster, identity_key) VALUES (?, ?)")
  const unlist = database.query("DELETE FROM listed_keys WHERE cluster = ? AND identity_key = ?")
  const retired = database.query("SELECT 1 FROM retired_keys WHERE cluster = ? AND identity_key = ?")
  const retire = database.query("INSERT OR IGNORE INTO retired_keys (cluster, identity_key) VALUES (?, ?)")
  const unretire = database.query("DELETE FROM retired_keys WHERE cluster = ? AND identity_key = ?")
  const revoked = database.query("SELECT 1 FROM revoked_clusters WHERE name = ?")
  const revokedNames = database.query<{ name: string }, []>("SELECT name FROM revoked_clusters ORDER BY name")
  const revoke = database.query("INSERT OR IGNORE INTO revoked_clusters (name, revoked_at) VALUES (?, ?)")
  const restore = database.query("DELETE FROM revoked_clusters WHERE name = ?")
  return {
    find: (name) => {
      const row = find.get(name)
      return row === null ? undefined : registrationOf(row)
    },
    all: () => all.all().map(registrationOf),
    names: () => registered.all().map((row) => row.name),
    put: ({ name, identityKey, document, serial, registeredAt }) => {
      put.run(name, identityKey, document ?? null, serial, registeredAt.getTime())
      unretire.run(name, identityKey)
    },
    remove: (name) => remove.run(name).changes > 0,
    listedKeys: (name) => listed.all(name).map((row) => row.identity_key),
    listKey: (name, key) => {
      unretire.run(name, key)
      return list.run(name, key).changes > 0
    },
    unlistKey: (name, key) => unlist.run(name, key).changes > 0,
    listedNames: () => listedNames.all().map((row) => row.cluster),
    isRetired: (name, key) => retired.get(name, key) !== null,
    retire: (name, key) => void retire.run(name, key),
    isRevoked: (name) => revoked.get(name) !== null,
    revokedNames: () => revokedNames.all().map((row) => row.name),
    revoke: (name, now) => revoke.run(name, now.getTime()).changes > 0,
    restore: (name) => restore.run(name).changes > 0,
  }
}
