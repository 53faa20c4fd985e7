import type { Database } from "bun:sqlite"
import { createHash } from "node:crypto"
import type { Spki } from "../../protocol/keys.ts"

/** A join token as the relay keeps it: never the token itself. */
export interface JoinToken {
  /** The first 16 hexadecimal digits of the token's SHA-256: enough to name it, worthless to join with. */
  readonly id: string
  readonly cluster: string
  /** It may replace the identity that the cluster has. */
  readonly replaces: boolean
  readonly expiresAt: Date
  readonly spentAt: Date | undefined
  readonly spentBy: Spki | undefined
}

export interface JoinTokens {
  readonly add: (token: string, about: { cluster: string; replaces: boolean; expiresAt: Date }, now: Date) => JoinToken
  readonly find: (token: string) => JoinToken | undefined
  readonly all: () => readonly JoinToken[]
  readonly count: () => number
  readonly remove: (id: string) => JoinToken | undefined
  /**
   * Spends the token for this cluster and key, if it is unspent and unexpired: one statement, so that of any number of
   * callers, in whatever processes, one gets it. Undefined for the others.
   */
  readonly spend: (token: string, cluster: string, key: Spki, now: Date) => JoinToken | undefined
  /** Forgets tokens that expired before this time. */
  readonly sweep: (before: Date) => void
}

interface Row {
  readonly hash: string
  readonly cluster: string
  readonly replaces: number
  readonly expires_at: number
  readonly spent_at: number | null
  readonly spent_by: string | null
}

const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex")
const idDigits = 16

const tokenOf = (row: Row): JoinToken => ({
  id: row.hash.slice(0, idDigits),
  cluster: row.cluster,
  replaces: row.replaces === 1,
  expiresAt: new Date(row.expires_at),
  spentAt: row.spent_at === null ? undefined : new Date(row.spent_at),
  spentBy: row.spent_by ?? undefined,
})

export const joinTokensIn = (database: Database): JoinTokens => {
  const insert = database.query<Row, [string, string, number, number, number]>(
    "INSERT INTO tokens (hash, cluster, replaces, created_at, expires_at) VALUES (?, ?, ?, ?, ?) RETURNING *",
  )
  const find = database.query<Row, [string]>("SELECT * FROM tokens WHERE hash = ?")
  const all = database.query<Row, []>("SELECT * FROM tokens ORDER BY created_at, hash")
  const count = database.query<{ n: number }, []>("SELECT count(*) AS n FROM tokens")
  const remove = database.query<Row, [string]>(`DELETE FROM tokens WHERE substr(hash, 1, ${idDigits}) = ? RETURNING *`)
  const spend = database.query<Row, [number, string, string, string, number]>(
    `UPDATE tokens SET spent_at = ?, spent_by = ?
     WHERE hash = ? AND cluster = ? AND spent_at IS NULL AND expires_at > ? RETURNING *`,
  )
  const sweep = database.query("DELETE FROM tokens WHERE expires_at < ?")
  const one = (row: Row | null) => (row === null ? undefined : tokenOf(row))
  return {
    add: (token, { cluster, replaces, expiresAt }, now) =>
      tokenOf(insert.get(hashOf(token), cluster, replaces ? 1 : 0, now.getTime(), expiresAt.getTime())!),
    find: (token) => one(find.get(hashOf(token))),
    all: () => all.all().map(tokenOf),
    count: () => count.get()?.n ?? 0,
    remove: (id) => one(remove.get(id)),
    spend: (token, cluster, key, now) => one(spend.get(now.getTime(), key, hashOf(token), cluster, now.getTime())),
    sweep: (before) => void sweep.run(before.getTime()),
  }
}
