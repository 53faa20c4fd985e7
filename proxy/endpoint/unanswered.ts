import type { Refusal } from "../../protocol/status.ts"
import type { PathFailure } from "../failures.ts"
import type { EndpointContext } from "./EndpointContext.ts"
import { pathRefusal } from "./pathRefusal.ts"
import type { RequestRules } from "./requestRules.ts"

/**
 * The answer to a request that was sent and got none. What could have had an effect is "outcome unknown", also where the path ended
 * with a refusal (`final`): nobody may believe that it did not run.
 */
export const unansweredRefusal = (
  at: Pick<EndpointContext, "cluster" | "relay" | "profile">,
  rules: RequestRules,
  final: PathFailure | undefined,
  suspended: boolean,
): Refusal => {
  if (final !== undefined && rules.repeatable) return pathRefusal(at, final)
  const { cluster } = at
  const what = suspended
    ? `the path to cluster ${cluster} broke while the request was under way and did not come back in time`
    : `the connection to cluster ${cluster} ended before an answer came`
  if (rules.repeatable)
    return { code: 503, hop: "relay", cause: suspended ? "StreamSuspended" : "ConnectionLost", message: what }
  return {
    code: 504,
    hop: "relay",
    cause: "OutcomeUnknown",
    message: `${what}${final === undefined ? "" : ` (${final.message})`}. Outcome unknown: it may have run. Look before you send it again`,
  }
}
