import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import type { IncomingMessage } from "node:http"
import { NotAuthenticated } from "../failures.ts"
import { FarEnd, jwt } from "../testing/FarEnd.ts"
import { answer, NearEnd } from "../testing/NearEnd.ts"

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
    const there = Promise.withResolvers<{ write: (text: string) => void }>()
    far.handle = (_req, res) => {
      res.writeHead(200, { "content-type": "application/json" })
      res.write("first\n")
      there.resolve({ write: (text) => res.write(text) })
    }
    const request = near.request("GET", "/api/v1/pods?watch=true")
    request.end()
    const watch = await new Promise<IncomingMessage>((resolve) => request.once("response", resolve))
    const lines = watch[Symbol.asyncIterator]()
    expect(String((await lines.next()).value)).toBe("first\n")
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
    const { write } = await there.promise
    write("second\n")
    expect(String((await lines.next()).value)).toBe("second\n")
    request.on("error", () => {})
    request.destroy()
  }, 30_000)
  test("refuses what is asked meanwhile in its own words", async () => {
    failing = true
    far.cutCarriers()
    const { status, body } = await answer(near.request("GET", "/api"))
    expect(status).toBe(401)
    expect(JSON.parse(body).message).toContain(failure.message)
  }, 30_000)
})
