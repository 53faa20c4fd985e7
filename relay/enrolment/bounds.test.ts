import { describe, expect, test } from "bun:test"
import { documentPauseMillis, documentsAtOnce, maxJoinFailureAddresses } from "../configuration/limits.ts"
import { DocumentTurns } from "./DocumentTurns.ts"
import { FailedJoins } from "./FailedJoins.ts"
import { OperatorNonces } from "./OperatorNonces.ts"

describe("memory of enrolment", () => {
  test("remembers a bounded number of addresses, the latest ones", () => {
    const joins = new FailedJoins(
      () => 1,
      () => 0,
    )
    for (let index = 0; index <= maxJoinFailureAddresses; index++) joins.failed(`address-${index}`)
    expect(joins.addresses).toBe(maxJoinFailureAddresses)
    expect(joins.isBlocked("address-0")).toBe(false)
    expect(joins.isBlocked(`address-${maxJoinFailureAddresses}`)).toBe(true)
  })

  test("gives each cluster so many new documents at once, and then one every half minute", () => {
    let now = 0
    const turns = new DocumentTurns(() => now)
    const taken = (cluster: string) =>
      Array.from({ length: 2 * documentsAtOnce }, () => turns.take(cluster)).filter(Boolean)
    expect(taken("edge-1")).toHaveLength(documentsAtOnce)
    expect(turns.take("edge-2")).toBe(true)
    now = documentPauseMillis - 1
    expect(turns.take("edge-1")).toBe(false)
    now = 2 * documentPauseMillis
    expect(taken("edge-1")).toHaveLength(2)
    now = 1_000 * documentPauseMillis
    expect(taken("edge-1")).toHaveLength(documentsAtOnce)
  })

  test("accepts only nonces of this process, unchanged, once, for 60 s", () => {
    let now = 0
    const nonces = new OperatorNonces(() => now)
    const [one, two] = [nonces.issue(), nonces.issue()]
    expect(one).toMatch(/^[A-Za-z0-9_-]{43}$/)
    const changed = `${one[0] === "A" ? "B" : "A"}${one.slice(1)}`
    for (const bad of [changed, "", `${one}=`, new OperatorNonces(() => now).issue()])
      expect(nonces.isFresh(bad)).toBe(false)
    expect(nonces.use(one)).toBe(true)
    expect(nonces.use(one)).toBe(false)
    now = 60_000
    expect(nonces.use(two)).toBe(false)
  })
})
