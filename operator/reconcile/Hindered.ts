import { Data } from "effect"
import { conditionReason as reason } from "../../crds/conditions.ts"
import type { KubernetesFailure } from "../kubernetes/Kubernetes.ts"
import type { Hindrance } from "./Found.ts"

/** A step of a pass that cannot be done, with what that means for the resource. */
export class Hindered extends Data.TaggedError("Hindered")<Hindrance> {}

/** What a failed call means for the resource. */
export const hindranceOf = (failure: KubernetesFailure): Hindrance => {
  const { message } = failure
  switch (failure.reason) {
    case "AccessDenied":
      return { reason: reason.accessDenied, message: `${message}; apply the installation's roles again` }
    case "QuotaExceeded":
      return { reason: reason.quotaExceeded, message: `${message}; raise the quota of the namespace` }
    case "Invalid":
      return { reason: reason.childRefused, message }
    case "Conflict":
    case "NotFound":
    case "Unreachable":
      return { reason: reason.progressing, message: `${message}; tried again` }
  }
}
