import { Either } from "effect"
import { readClaims } from "../../identity/readClaims.ts"

/** Who a token says it is for, by whom and until when; never the token. */
export const describedClaims = (token: string, now: number): string =>
  Either.match(readClaims(token), {
    onLeft: ({ _tag }) => `not readable (${_tag})`,
    onRight: ({ issuer, subject, audiences, expiresAt }) =>
      [
        `issuer ${issuer ?? "none"}`,
        `subject ${subject ?? "none"}`,
        `audience ${audiences.join(", ") || "none"}`,
        expiresAt === undefined ? "no end" : `${Math.round((expiresAt.getTime() - now) / 1_000)} s left`,
      ].join("; "),
  })
