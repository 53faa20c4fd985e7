import { apiPath } from "./apiPath.ts"
import { pathOf, queryOf } from "./target.ts"

/** The rest of such a request is up to a pod or to what happens in the cluster. */
const channels = new Set(["exec", "attach", "portforward", "proxy"])
/** Query parameters by which the API server knows a long-running request (its LongRunningFunc). */
const parameters = ["watch", "follow"]
/** Go's strconv.ParseBool; a parameter without a value is true there. */
const falsehoods = new Set(["0", "f", "F", "false", "FALSE", "False"])

/** Whether a request may rightly stand still without an answer: watches, followed logs, channels. Decides patience, never access. */
export const longRunning = (target: string): boolean => {
  const path = apiPath(pathOf(target))
  if (path === undefined) return false
  if (path.kind === "specialVerb") return true
  if (path.kind === "resource" && channels.has(path.subresource ?? "")) return true
  const query = new URLSearchParams(queryOf(target))
  return parameters.some((name) => query.getAll(name).some((value) => !falsehoods.has(value)))
}
