import { expect, test } from "bun:test"
import { UpgradeRefused } from "../../platform/outbound.ts"
import { statusOf } from "../../protocol/status.ts"
import { judgeFailure } from "./relayEnd.ts"

const answered = (status: number, body: string) =>
  new UpgradeRefused({ target: "https://relay.example.com", status, headers: {}, body, truncated: false })
const relaySays = (code: number, cause: string) =>
  answered(code, JSON.stringify(statusOf({ code, hop: "relay", cause, message: "no" })))

test("a relay's no is a refusal; what it cannot do now, and a network's failure, are not", () => {
  expect(judgeFailure(relaySays(403, "NotRegistered"))).toMatchObject({ setback: "refused" })
  expect(judgeFailure(relaySays(503, "RelayDraining"))).toMatchObject({ setback: "lost" })
  expect(judgeFailure(new Error("connection refused"))).toMatchObject({ setback: "lost" })
})

test("the same status in the words of an ingress, whose relay is away, is none", () => {
  expect(judgeFailure(answered(404, "default backend - 404"))).toMatchObject({ setback: "lost" })
})
