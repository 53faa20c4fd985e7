import { Data } from "effect"
import type { Hop } from "../../../protocol/status.ts"

/**
 * One class per cause. `_tag` is the word for the cause in answers, audit lines, metrics and tests; `message` is for the user
 * and never contains a credential. `hop` is the part of the path that failed.
 */
export const refusal = <const Tag extends string>(
  tag: Tag,
  httpStatus: number,
  explanation: string,
  hop: Hop = "auth-proxy",
) =>
  class extends Data.TaggedError(tag)<{ readonly detail?: string }> {
    readonly httpStatus = httpStatus
    readonly hop = hop
    override get message() {
      return this.detail === undefined ? explanation : `${explanation}: ${this.detail}`
    }
  }
