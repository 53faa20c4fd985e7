import type { Refusal } from "../../protocol/status.ts"
import { type PathFailure, proxyClosing, refusalOf } from "../failures.ts"

/** The answer at a cluster's endpoint to a request whose path failed: names the cluster, and the command that looks further. */
export const pathRefusal = (cluster: string, failure: PathFailure): Refusal => {
  const refusal = refusalOf(failure)
  if (refusal.cause === proxyClosing().cause) return refusal
  const isNamed = new RegExp(`cluster ${cluster}(?![a-z0-9-])`).test(refusal.message)
  const message = `${isNamed ? "" : `cluster ${cluster}: `}${refusal.message.replace(/\.$/, "")}`
  return { ...refusal, message: `${message}; see: clusterconnect doctor ${cluster}` }
}
