import { Either } from "effect"
import { readClaims } from "../../../identity/readClaims.ts"
import { NotAuthenticated } from "../../failures.ts"
import type { Issuing } from "../Issuing.ts"
import type { CiEnvironment } from "./ciIssuing.ts"

/** Names of variables that `id_tokens:` of a job fills for us. */
const variablePattern = /^CLUSTERCONNECT_ID_TOKEN(_[A-Z0-9_]+)?$/

/**
 * GitLab CI: a job's `id_tokens:` are made before it starts, one variable each, and none can be had later. They are found by their
 * audience, so the variables' names do not matter beyond CLUSTERCONNECT_ID_TOKEN….
 */
export const gitlab = (environment: CiEnvironment): Issuing => ({
  described: "GitLab CI",
  issuer: environment.CI_SERVER_URL || undefined,
  mint: async (audience) => {
    const tokens = Object.entries(environment).flatMap(([name, token]) =>
      variablePattern.test(name) && token ? [token] : [],
    )
    const fitting = tokens.flatMap((token) => {
      const claims = Either.getOrUndefined(readClaims(token))
      return claims?.audiences.includes(audience) ? [{ token, expiresAt: claims.expiresAt?.getTime() ?? 0 }] : []
    })
    const [latest] = fitting.sort((a, b) => b.expiresAt - a.expiresAt)
    if (latest !== undefined) return latest.token
    throw new NotAuthenticated({
      hop: "identity-provider",
      cause: "CiTokenRefused",
      detail: `GitLab CI: no variable CLUSTERCONNECT_ID_TOKEN… holds a token with the audience ${JSON.stringify(audience)}: add it to the job's id_tokens (${tokens.length} such variables are set)`,
    })
  },
})
