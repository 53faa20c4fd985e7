import type { Route } from "../../../platform/outbound.ts"
import type { Issuing } from "../Issuing.ts"
import { azurePipelines } from "./azurePipelines.ts"
import { githubActions } from "./githubActions.ts"
import { gitlab } from "./gitlab.ts"

export type CiEnvironment = Readonly<Record<string, string | undefined>>

export const ciNames = ["github-actions", "gitlab", "azure-pipelines"] as const
export type CiName = (typeof ciNames)[number]

/** The CI system whose runner this is, by the variable that each promises to set. */
export const runningIn = (environment: CiEnvironment): CiName | undefined => {
  if (environment.GITHUB_ACTIONS === "true") return "github-actions"
  if (environment.GITLAB_CI === "true") return "gitlab"
  if (environment.TF_BUILD?.toLowerCase() === "true") return "azure-pipelines"
  return undefined
}

export const ciIssuing = (name: CiName, environment: CiEnvironment, route: Route): Issuing => {
  switch (name) {
    case "github-actions":
      return githubActions(environment, route)
    case "gitlab":
      return gitlab(environment)
    case "azure-pipelines":
      return azurePipelines(environment, route)
  }
}
