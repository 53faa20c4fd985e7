import { closeCode } from "../../protocol/names.ts"
import type { AuditLine } from "../audit/AuditLog.ts"
import type { Caller } from "../callers/Caller.ts"
import type { PendingUpgrade } from "../http/webSockets.ts"

/** Who wants to reach what. */
export interface StreamRequest {
  readonly caller: Caller
  readonly cluster: string
  readonly clientAddress: string
  /** On resume. */
  readonly instance: string | undefined
  readonly protocols: readonly string[]
  readonly user: PendingUpgrade
}

/** Why what is open must end now: a close code and a word. */
export interface Verdict {
  readonly code: number
  readonly reason: string
}

/** The audit line of an opening that failed or a carrier that ended. */
export const streamLine = (
  { caller, cluster, clientAddress, instance }: StreamRequest,
  now: Date,
  fields: AuditLine,
): AuditLine => ({
  time: now.toISOString(),
  event: "stream",
  issuer: caller.issuer,
  subject: caller.subject,
  callerHash: caller.hash,
  tokenId: caller.tokenId,
  cluster,
  from: clientAddress,
  resumed: instance !== undefined,
  ...fields,
})

/** Few words, because they are a metric's label; the reason itself is in the audit line. */
export const outcomeOf = (code: number): string =>
  code === closeCode.moved
    ? "moved"
    : code === closeCode.revoked
      ? "revoked"
      : code === closeCode.protocolError
        ? "protocol-error"
        : code === 1000
          ? "closed"
          : "lost"
