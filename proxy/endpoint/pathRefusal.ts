import type { Refusal } from "../../protocol/status.ts"
import { type PathFailure, proxyClosing, refusalOf } from "../failures.ts"
import type { EndpointContext } from "./EndpointContext.ts"

/**
 * The answer at a cluster's endpoint to a request whose path failed: names the cluster, and the command that looks further, with this
 * profile, or at this relay where there is none, and not with the current profile.
 */
export const pathRefusal = (
  { cluster, relay, profile }: Pick<EndpointContext, "cluster" | "relay" | "profile">,
  failure: PathFailure,
): Refusal => {
  const refusal = refusalOf(failure)
  if (refusal.cause === proxyClosing().cause) return refusal
  const isNamed = new RegExp(`cluster ${cluster}(?![a-z0-9-])`).test(refusal.message)
  const message = `${isNamed ? "" : `cluster ${cluster}: `}${refusal.message.replace(/\.$/, "")}`
  const where = profile === undefined ? `--relay ${relay}` : `--profile ${profile}`
  return { ...refusal, message: `${message}; see: clusterconnect doctor ${cluster} ${where}` }
}
