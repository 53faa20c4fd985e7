import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { startTestRelay, type TestRelay } from "../testing/TestRelay.ts"
import { UnidentifiedLines, unidentifiedBurst } from "./UnidentifiedLines.ts"

let relay: TestRelay
beforeEach(async () => {
  relay = await startTestRelay()
})
afterEach(() => relay[Symbol.asyncDispose]())

describe("the audit log", () => {
  test("lines about the unidentified are written at a bounded rate, and what was left out is told", () => {
    let now = 0
    const written: object[] = []
    const lines = new UnidentifiedLines(
      (line) => written.push(line),
      () => now,
    )
    for (let index = 0; index < 10_000; index++) lines.write({ index })
    expect(written).toHaveLength(unidentifiedBurst)
    now = 1_000
    lines.write({ index: "later" })
    expect(written.at(-1)).toEqual({ index: "later", suppressedBefore: 10_000 - unidentifiedBurst })
  })

  test("refusals of requests without a token do not fill the audit log, those of known callers are all there", async () => {
    const ask = (token?: string) => relay.call("GET", "/v1/clusters/nowhere", token === undefined ? {} : { token })
    for (let index = 0; index < unidentifiedBurst + 5; index++) await ask()
    for (let index = 0; index < 5; index++) await ask(relay.token())
    const outcomes = relay.audit.map(({ outcome }) => outcome)
    expect(outcomes.filter((outcome) => outcome === "TokenMissing")).toHaveLength(unidentifiedBurst)
    expect(outcomes.filter((outcome) => outcome === "ClusterRefused")).toHaveLength(5)
  })
})
