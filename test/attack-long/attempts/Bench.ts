import { readFileSync } from "node:fs"
import type { AttackRange } from "../../attack/range/AttackRange.ts"
import { clusterRoots } from "../../attack/range/carriers.ts"
import { AuditJudge } from "../judge/AuditJudge.ts"
import { forger } from "./forgeToken.ts"

/** What every attempt needs, and where it reports. */
export interface Bench {
  readonly range: AttackRange
  readonly judge: AuditJudge
  readonly roots: readonly string[]
  readonly relayCaPem: string
  readonly forge: Awaited<ReturnType<typeof forger>>
  /** The cluster document that everybody who may connect can read. */
  readonly document: string
  /** Counts an outcome, for the report. */
  count(outcome: string): void
  violation(text: string): void
}

/** Generous against an answer under load, short against the run. */
export const answerLimitMillis = 2_000
/** What has not come by then is waiting for bytes that will not come: the mutation has made the request longer. */
export const quietLimitMillis = 500

export const createBench = async (range: AttackRange, document: string, count: Bench["count"]): Promise<Bench> => {
  const auditLog = range.world.cluster.auditLog
  if (auditLog === undefined) throw new Error("the API server keeps no audit log")
  const judge = new AuditJudge(auditLog, "system:serviceaccount:clusterconnect:")
  return {
    range,
    judge,
    roots: await clusterRoots(await range.entrance(range.second.name)),
    relayCaPem: readFileSync(range.world.caFile, "utf8"),
    forge: await forger(range),
    document,
    count,
    violation: (text) => void judge.violations.push(text),
  }
}
