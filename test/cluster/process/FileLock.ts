import { spawn } from "node:child_process"
import { mkdirSync } from "node:fs"
import { dirname } from "node:path"

/** The lock file could not be locked for a reason other than another holder. */
export class LockFailed extends Error {
  override readonly name = "LockFailed"
}

export interface FileLock {
  /** Returns when the lock is free for others. */
  release(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Takes an exclusive flock(2) on the file, waiting while another process has it; `onWait` is told once.
 * The holder is util-linux's flock, tied to us by a pipe: the kernel frees the lock when this process dies in any way.
 * The file is never removed: removing a lock file lets two holders in.
 */
export async function lockFile(path: string, onWait: () => void = () => {}): Promise<FileLock> {
  mkdirSync(dirname(path), { recursive: true })
  const atOnce = await hold(path, ["--nonblock"])
  if (atOnce !== undefined) return atOnce
  onWait()
  const waited = await hold(path, [])
  if (waited === undefined) throw new LockFailed(`flock gave up waiting for ${path}`)
  return waited
}

/** flock's own default for "not available" is 1, which other failures use too. */
const BUSY_CODE = 75

function hold(path: string, how: readonly string[]): Promise<FileLock | undefined> {
  return new Promise((resolve, reject) => {
    const holder = spawn(
      "flock",
      ["--exclusive", "--conflict-exit-code", `${BUSY_CODE}`, ...how, path, "sh", "-c", "echo held; exec cat"],
      { stdio: ["pipe", "pipe", "inherit"], detached: true },
    )
    const ended = new Promise<void>((done) => holder.once("close", () => done()))
    const release = async () => {
      holder.stdin.end()
      await ended
    }
    holder.once("error", (error) =>
      reject(new LockFailed(`flock (util-linux) is needed to lock ${path}: ${error.message}`)),
    )
    holder.once("exit", (code) => {
      if (code === BUSY_CODE) resolve(undefined)
      else reject(new LockFailed(`flock on ${path} ended with code ${code}`))
    })
    holder.stdout.once("data", () => resolve({ release, [Symbol.asyncDispose]: release }))
  })
}
