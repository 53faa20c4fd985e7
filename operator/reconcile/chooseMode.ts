import type { ImpersonationMode } from "../../identity/impersonationRoles.ts"

/** What a choice of the impersonation mode is made from. */
export interface ModeEvidence {
  readonly wanted: "Auto" | ImpersonationMode
  /** `major.minor` of the API server; undefined while it is not known. */
  readonly serverVersion: string | undefined
  /** What is bound now; undefined before the first binding. */
  readonly present: ImpersonationMode | undefined
  /** Constrained impersonation worked here once, and no person has named Legacy since. */
  readonly wasConstrained: boolean
  /** Every ready auth proxy was refused, well after the constrained role was bound as the installation ships it. */
  readonly constrainedRefused: boolean
}

/** The first version that has constrained impersonation on without being told (KEP-5284, beta). */
const constrainedFrom = [1, 36] as const

/**
 * The mode whose role is bound next; undefined while too little is known. Auto takes Constrained where the server has it, and
 * Legacy only for an older server or after a definite refusal on one where Constrained never worked: what worked once is never
 * given up without a person.
 */
export const chooseMode = (evidence: ModeEvidence): ImpersonationMode | undefined => {
  const { wanted, serverVersion, present, wasConstrained, constrainedRefused } = evidence
  if (wanted !== "Auto") return wanted
  if (wasConstrained) return "Constrained"
  if (serverVersion === undefined) return present
  if (!hasConstrained(serverVersion)) return "Legacy"
  return constrainedRefused ? "Legacy" : "Constrained"
}

const hasConstrained = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return major > constrainedFrom[0] || (major === constrainedFrom[0] && minor >= constrainedFrom[1])
}
