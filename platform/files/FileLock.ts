import { Database, SQLiteError } from "bun:sqlite"
import { closeSync, openSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"
import { Data } from "effect"

/** Somebody else has held the lock for all the time that the caller was willing to wait. */
export class LockBusy extends Data.TaggedError("LockBusy")<{
  readonly path: string
  readonly waitedMillis: number
}> {
  override get message(): string {
    return `${this.path} is locked by another process; waited ${this.waitedMillis} ms`
  }
}

/** A kubeconfig merge takes milliseconds; whoever holds the lock for 10 s hangs. */
export const LOCK_TIMEOUT_MILLIS = 10_000

const RETRY_MILLIS = 20

/**
 * A lock between processes, and between callers within one. The kernel releases it when its holder dies in whatever way,
 * because it is SQLite's exclusive lock on an empty database file: neither a stale process id nor an age is ever judged. The
 * file itself stays: removing it would let two holders lock two files of one name.
 */
export class FileLock implements AsyncDisposable {
  readonly path: string
  readonly #database: Database

  private constructor(path: string, database: Database) {
    this.path = path
    this.#database = database
    held.add(this)
  }

  /** Waits for the lock; rejects with {@link LockBusy}, or the signal's reason. The file is made with mode 0600. */
  static async acquire(
    path: string,
    options: { readonly timeoutMillis?: number; readonly signal?: AbortSignal } = {},
  ): Promise<FileLock> {
    const timeoutMillis = options.timeoutMillis ?? LOCK_TIMEOUT_MILLIS
    const started = performance.now()
    create(path)
    for (;;) {
      options.signal?.throwIfAborted()
      const database = tryLock(path)
      if (database) return new FileLock(path, database)
      const waitedMillis = Math.round(performance.now() - started)
      if (waitedMillis >= timeoutMillis) throw new LockBusy({ path, waitedMillis })
      await delay(RETRY_MILLIS)
    }
  }

  release(): void {
    held.delete(this)
    this.#database.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release()
  }
}

/** Runs `body` while holding the lock of `path`. */
export async function withFileLock<A>(
  path: string,
  body: () => Promise<A>,
  options: { readonly timeoutMillis?: number; readonly signal?: AbortSignal } = {},
): Promise<A> {
  await using _lock = await FileLock.acquire(path, options)
  return await body()
}

/** A lock that its owner only awaited must not be collected, for the collector would unlock it. */
const held = new Set<FileLock>()

/**
 * Makes the file unless it is there. It is never opened otherwise than by SQLite: POSIX drops all of a process's locks on a
 * file when the process closes any descriptor of it. Synchronous, so that no other caller locks between opening and closing.
 */
function create(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
  }
}

function tryLock(path: string): Database | undefined {
  const database = new Database(path)
  try {
    database.run("PRAGMA busy_timeout = 0")
    database.run("BEGIN EXCLUSIVE")
    return database
  } catch (error) {
    database.close()
    if (error instanceof SQLiteError && error.code?.startsWith("SQLITE_BUSY")) return undefined
    throw error
  }
}
