import { type FSWatcher, realpathSync, statSync, watch } from "node:fs"
import { dirname } from "node:path"

export interface WatchedFiles {
  /** Looks now, without waiting for the next poll. */
  check(): void
  /** What changed could not be read (no descriptor left, say), and that passes without a notification: reports it once more at the next poll. */
  again(): void
  close(): void
}

/** inotify sees nothing on some network file systems and through nested links; a stat a second per file costs nothing. */
const POLL_MILLIS = 1000

/**
 * Calls `onChange` after any of the files was replaced, rewritten or given another owner or mode: an atomic rename, the `..data`
 * link swap of Kubernetes volumes, an edit in place. A file that is changed in place is reported only when it was the same at two
 * polls, so that half a file is not taken for a whole one. Directories are watched by the system's notifications, and the files polled.
 */
export function watchFiles(
  paths: readonly string[],
  onChange: () => void,
  options: { readonly pollMillis?: number } = {},
): WatchedFiles {
  let reported = look(paths)
  let pending: Look | undefined
  let unread = false
  const check = (polled: boolean) => {
    const now = look(paths)
    if (now.content === reported.content) {
      pending = undefined
      if (!(polled && unread)) return
    } else {
      const settled = now.identity !== reported.identity || (polled && pending?.content === now.content)
      pending = now
      if (!settled) return
    }
    pending = undefined
    unread = false
    reported = now
    onChange()
  }
  const watchers = [...new Set(paths.map((path) => dirname(path)))].flatMap((directory) =>
    watched(directory, () => check(false)),
  )
  const poll = setInterval(() => check(true), options.pollMillis ?? POLL_MILLIS)
  poll.unref()
  return {
    check: () => check(false),
    again() {
      unread = true
    },
    close() {
      clearInterval(poll)
      for (const watcher of watchers) watcher.close()
    },
  }
}

interface Look {
  /** Which files stand behind the names. */
  readonly identity: string
  /** Which files, and which versions of them. */
  readonly content: string
}

function look(paths: readonly string[]): Look {
  const seen = paths.map((path) => {
    try {
      // The time of the last change of owner or mode as well: a file may become readable only then.
      const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path)
      const identity = `${realpathSync(path)} ${dev} ${ino}`
      return { identity, content: `${identity} ${size} ${mtimeMs} ${ctimeMs}` }
    } catch {
      return { identity: "absent", content: "absent" }
    }
  })
  return { identity: seen.map((one) => one.identity).join("\n"), content: seen.map((one) => one.content).join("\n") }
}

function watched(directory: string, onEvent: () => void): FSWatcher[] {
  try {
    // A watch that cannot be had (limit reached, no such directory yet) leaves the poll.
    return [watch(directory, { persistent: false }, onEvent).on("error", () => {})]
  } catch {
    return []
  }
}
