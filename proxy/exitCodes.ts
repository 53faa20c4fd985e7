import { ValidationError } from "@effect/cli"
import { LocalFailure, NotAuthenticated, PathBroken, RefusedByPolicy, UsageWrong } from "./failures.ts"

/** Exit codes of every command; scripts rely on them. */
export const exitCode = {
  success: 0,
  failure: 1,
  usage: 2,
  notAuthenticated: 3,
  refusedByPolicy: 4,
  unreachable: 5,
} as const

/** The exit code that tells a script what kind of failure this was. */
export const exitCodeOf = (error: unknown): number => {
  if (error instanceof UsageWrong || ValidationError.isValidationError(error)) return exitCode.usage
  if (error instanceof NotAuthenticated) return exitCode.notAuthenticated
  if (error instanceof RefusedByPolicy) return exitCode.refusedByPolicy
  if (error instanceof PathBroken) return exitCode.unreachable
  if (error instanceof LocalFailure) return exitCode.failure
  return exitCode.failure
}
