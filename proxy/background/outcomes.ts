import { Data } from "effect"

/** A background proxy did not come up: its own words and exit code, or what is known of its end. */
export class BackgroundFailed extends Data.TaggedError("BackgroundFailed")<{
  readonly exitCode: number
  readonly detail: string
}> {
  override get message(): string {
    return this.detail
  }
}

/** The background proxy itself ends with this code; whoever started it has been told why. */
export class Reported extends Data.TaggedError("Reported")<{ readonly exitCode: number }> {}
