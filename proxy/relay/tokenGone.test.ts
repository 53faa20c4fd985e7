import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { NotAuthenticated } from "../failures.ts"
import { FarEnd, jwt } from "../testing/FarEnd.ts"
import { answer, NearEnd } from "../testing/NearEnd.ts"
import { openWatch } from "../testing/openWatch.ts"

const failure = new NotAuthenticated({
  hop: "identity-provider",
  cause: "TokenCommandFailed",
  detail: "the token command print-token: it ended with 3",
})

let far: FarEnd
let near: NearEnd
let failing: boolean
let refused: () => void
beforeEach(async () => {
  far = await FarEnd.start()
  failing = false
  refused = () => {}
  const current = async () => {
    if (!failing) return jwt({ aud: far.relayAudience })
    refused()
    throw failure
  }
  near = await NearEnd.start(far, { relayTokens: { current, described: "test" } })
})
afterEach(async () => {
  await near.stop()
  await far.stop()
})

describe("a token command that fails for a moment", () => {
  test("ends no watch: it goes on when there is a token again", async () => {
    const watch = await openWatch(near, far)
    expect(await watch.next()).toBe("first\n")
    const asked = Promise.withResolvers<void>()
    let attempts = 0
    refused = () => {
      attempts += 1
      if (attempts === 2) asked.resolve()
    }
    failing = true
    far.cutCarriers()
    await asked.promise
    failing = false
    watch.write("second\n")
    expect(await watch.next()).toBe("second\n")
    watch.end()
  }, 30_000)
  test("refuses what is asked meanwhile in its own words", async () => {
    failing = true
    far.cutCarriers()
    const { status, body } = await answer(near.request("GET", "/api"))
    expect(status).toBe(401)
    expect(JSON.parse(body).message).toContain(failure.message)
  }, 30_000)
})
