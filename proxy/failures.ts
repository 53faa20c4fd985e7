import { Data } from "effect"
import { DirectoryNotPrivate, LockBusy } from "../platform/files.ts"
import type { Hop, Refusal } from "../protocol/status.ts"

interface Situation {
  readonly hop: Hop
  /** Our own word for it; the same in the Status, in logs and in tests. */
  readonly cause: string
  /** What was found, what was expected, what the user can do. Never holds a credential. */
  readonly detail: string
}

/** A flag, variable or argument that cannot be used. */
export class UsageWrong extends Data.TaggedError("UsageWrong")<{ readonly detail: string }> {
  override get message(): string {
    return this.detail
  }
}

/** A token is missing, expired, for somebody else, or not believed by the hop. */
export class NotAuthenticated extends Data.TaggedError("NotAuthenticated")<
  Situation & {
    /** There was no token to ask the relay with: it has refused nobody, and the next attempt may get one. */
    readonly notAsked?: true
  }
> {
  override get message(): string {
    return this.detail
  }
}

/** The hop knows the caller and says no; or what the relay showed is not to be trusted. */
export class RefusedByPolicy extends Data.TaggedError("RefusedByPolicy")<Situation> {
  override get message(): string {
    return this.detail
  }
}

/** The path to the cluster is broken at this hop, now. Later it may work. */
export class PathBroken extends Data.TaggedError("PathBroken")<Situation> {
  override get message(): string {
    return this.detail
  }
}

/** The program ends, and with it what was wanted of it: nothing of the path is broken. */
export const proxyClosing = (): PathBroken =>
  new PathBroken({ hop: "proxy", cause: "Closing", detail: "the proxy is closing" })

/** Something on this machine: a file, a port. */
export class LocalFailure extends Data.TaggedError("LocalFailure")<{ readonly detail: string }> {
  override get message(): string {
    return this.detail
  }
}

/** What the file system, or a file's lock, said no to; undefined for any other error. */
export const localFailureOf = (error: unknown): LocalFailure | undefined => {
  if (error instanceof DirectoryNotPrivate || error instanceof LockBusy)
    return new LocalFailure({ detail: error.message })
  if (!(error instanceof Error)) return undefined
  const { code, path } = error as NodeJS.ErrnoException
  return code !== undefined && path !== undefined
    ? new LocalFailure({
        detail: `${path} cannot be used (${code}): check it, or name other places by ${placeVariables}`,
      })
    : undefined
}

const placeVariables = process.platform === "win32" ? "APPDATA and LOCALAPPDATA" : "HOME or XDG_*_HOME"

/** Why a request did not get through; each has an HTTP answer. */
export type PathFailure = NotAuthenticated | RefusedByPolicy | PathBroken
export type ClientFailure = UsageWrong | LocalFailure | PathFailure

export const isPathFailure = (error: unknown): error is PathFailure =>
  error instanceof NotAuthenticated || error instanceof RefusedByPolicy || error instanceof PathBroken

const httpStatus = { NotAuthenticated: 401, RefusedByPolicy: 403, PathBroken: 503 } as const

/** The answer to a request that failed so: 401, 403 or 503, naming the hop. */
export const refusalOf = (failure: PathFailure): Refusal => ({
  code: httpStatus[failure._tag],
  hop: failure.hop,
  cause: failure.cause,
  message: failure.detail,
})

/** Any error as one that has an exit code and a text for a person. */
export const clientFailureOf = (error: unknown): ClientFailure =>
  error instanceof UsageWrong || error instanceof LocalFailure || isPathFailure(error)
    ? error
    : (localFailureOf(error) ?? pathFailureOf(error))

/** Any error as a path failure: something on this machine as such, and what nobody foresaw is this program's own. */
export const pathFailureOf = (error: unknown): PathFailure => {
  if (isPathFailure(error)) return error
  const local = error instanceof LocalFailure ? error : localFailureOf(error)
  return local === undefined
    ? new PathBroken({
        hop: "proxy",
        cause: "Unexpected",
        detail: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
      })
    : new PathBroken({ hop: "proxy", cause: "LocalFailure", detail: local.detail })
}
