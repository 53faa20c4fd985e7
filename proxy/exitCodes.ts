import { ValidationError } from "@effect/cli"
import { BackgroundFailed, Reported } from "./background/outcomes.ts"
import { LocalFailure, NotAuthenticated, PathBroken, RefusedByPolicy, UsageWrong } from "./failures.ts"
import { ChildEnded, RunFailed } from "./run/outcomes.ts"

/** Exit codes of every command; scripts rely on them. */
export const exitCode = {
  success: 0,
  failure: 1,
  usage: 2,
  notAuthenticated: 3,
  refusedByPolicy: 4,
  unreachable: 5,
  /** Of `run`: the clusters could not be served. Every smaller number may be the command's own. */
  run: 125,
} as const

/** The exit code that tells a script what kind of failure this was. */
export const exitCodeOf = (error: unknown): number => {
  if (error instanceof ChildEnded || error instanceof BackgroundFailed || error instanceof Reported)
    return error.exitCode
  if (error instanceof RunFailed) return exitCode.run
  if (error instanceof UsageWrong || ValidationError.isValidationError(error)) return exitCode.usage
  if (error instanceof NotAuthenticated) return exitCode.notAuthenticated
  if (error instanceof RefusedByPolicy) return exitCode.refusedByPolicy
  // It came to light on the way to a token, where every failure is the path's.
  if (error instanceof PathBroken) return error.cause === "LocalFailure" ? exitCode.failure : exitCode.unreachable
  if (error instanceof LocalFailure) return exitCode.failure
  return exitCode.failure
}
