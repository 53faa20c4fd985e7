import { describe, expect, test } from "bun:test"
import { NotAuthenticated, RefusedByPolicy } from "../failures.ts"
import { requestRules } from "./requestRules.ts"
import { unansweredRefusal } from "./unanswered.ts"

const refusals = [
  [new NotAuthenticated({ hop: "relay", cause: "TokenExpired", detail: "the relay token expired" }), 401],
  [new RefusedByPolicy({ hop: "relay", cause: "Revoked", detail: "your access was revoked" }), 403],
] as const
const at = { cluster: "edge-1", relay: "https://relay.example.com", profile: undefined }
const read = requestRules("GET", "/api/v1/pods", false)
const written = requestRules("POST", "/api/v1/pods", false)

describe("a request that was sent, and whose way back the relay refuses", () => {
  for (const [final, code] of refusals)
    for (const suspended of [true, false]) {
      test(`with ${code} is outcome unknown where it may have run (${suspended ? "suspended" : "ended"})`, () => {
        const refusal = unansweredRefusal(at, written, final, suspended)
        expect(refusal).toMatchObject({ code: 504, cause: "OutcomeUnknown" })
        expect(refusal.message).toContain(final.message)
        expect(refusal.message).toContain("Look before you send it again")
      })
      test(`with ${code} is that refusal where it had no effect (${suspended ? "suspended" : "ended"})`, () => {
        expect(unansweredRefusal(at, read, final, suspended)).toMatchObject({ code, hop: "relay" })
      })
    }
})
