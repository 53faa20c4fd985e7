import { Data } from "effect"
import type { PathFailure } from "../failures.ts"

/** `run`'s child has ended; the code is passed on as ours. */
export class ChildEnded extends Data.TaggedError("ChildEnded")<{ readonly exitCode: number }> {}

/** `run` could not begin: what failed is ours, not the child's. */
export class RunFailed extends Data.TaggedError("RunFailed")<{
  readonly detail: string
  /** Where on the path, if it was there. */
  readonly situation?: Pick<PathFailure, "hop" | "cause">
}> {
  override get message(): string {
    return this.detail
  }
}
