import type { Database } from "bun:sqlite"

export interface RevokedCaller {
  readonly issuer: string
  readonly subject: string
  readonly revokedAt: Date
}

/** Callers who may do nothing whatever the policy says, by issuer and subject. */
export interface RevokedCallers {
  readonly has: (issuer: string, subject: string) => boolean
  readonly all: () => readonly RevokedCaller[]
  /** False when it was so already. */
  readonly revoke: (issuer: string, subject: string, now: Date) => boolean
  readonly restore: (issuer: string, subject: string) => boolean
}

export const revokedCallersIn = (database: Database): RevokedCallers => {
  const find = database.query("SELECT 1 FROM revoked_callers WHERE issuer = ? AND subject = ?")
  const list = database.query<{ issuer: string; subject: string; revoked_at: number }, []>(
    "SELECT issuer, subject, revoked_at FROM revoked_callers ORDER BY revoked_at, issuer, subject",
  )
  const insert = database.query("INSERT OR IGNORE INTO revoked_callers (issuer, subject, revoked_at) VALUES (?, ?, ?)")
  const remove = database.query("DELETE FROM revoked_callers WHERE issuer = ? AND subject = ?")
  return {
    has: (issuer, subject) => find.get(issuer, subject) !== null,
    all: () =>
      list.all().map((row) => ({ issuer: row.issuer, subject: row.subject, revokedAt: new Date(row.revoked_at) })),
    revoke: (issuer, subject, now) => insert.run(issuer, subject, now.getTime()).changes > 0,
    restore: (issuer, subject) => remove.run(issuer, subject).changes > 0,
  }
}
