import { afterEach, beforeEach, expect, test } from "bun:test"
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AuditJudge, claimedAddress, smuggledMark } from "./AuditJudge.ts"

const account = "system:serviceaccount:clusterconnect:kube-auth-proxy"
let directory: string
let file: string
let judge: AuditJudge
let mark: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "clusterconnect-judge-"))
  file = join(directory, "audit.log")
  writeFileSync(file, "")
  judge = new AuditJudge(file, "system:serviceaccount:clusterconnect:")
  mark = AuditJudge.newMark()
  judge.expect(mark, 7, { username: `oidc:${mark}`, groups: ["oidc:a"] })
})
afterEach(() => {
  judge.close()
  rmSync(directory, { recursive: true })
})

const groups = ["oidc:a", "system:authenticated"]
const event = (changes: object = {}) =>
  `${JSON.stringify({
    auditID: "1",
    requestURI: `/api?mark=${mark}`,
    userAgent: mark,
    user: { username: account },
    impersonatedUser: { username: `oidc:${mark}`, groups, extra: { "clusterconnect.dev/token-id": ["x"] } },
    sourceIPs: ["127.0.0.1"],
    ...changes,
  })}\n`
const verdict = (line: string) => {
  appendFileSync(file, line)
  judge.look()
  return judge.violations
}

test("a request by the user whose token was sent with it is counted and no violation", () => {
  expect(verdict(event())).toEqual([])
  expect([judge.reached, judge.hasSeen(mark)]).toEqual([1, true])
})

test("what is on record in a file that was rotated meanwhile is judged too", () => {
  appendFileSync(file, event())
  renameSync(file, `${file}.1`)
  writeFileSync(file, event({ auditID: "2" }))
  judge.look()
  expect(judge.reached).toBe(2)
})

test("requests of others that carry no mark are none of its business", () => {
  expect(verdict(event({ user: { username: "admin" }, requestURI: "/livez", userAgent: "kubectl" }))).toEqual([])
  expect(verdict(event({ requestURI: "/version", userAgent: "", impersonatedUser: undefined }))).toEqual([])
  expect(judge.reached).toBe(0)
})

const user = (changes: object) => ({ impersonatedUser: { username: `oidc:${mark}`, groups, ...changes } })
test.each([
  ["nobody is impersonated", () => event({ impersonatedUser: undefined })],
  ["a user whose valid token was not sent is impersonated", () => event(user({ username: "oidc:somebody" }))],
  ["a group too many", () => event(user({ groups: [...groups, "system:masters"] }))],
  ["a group is missing", () => event(user({ groups: ["system:authenticated"] }))],
  ["an extra of the caller's own", () => event(user({ extra: { scopes: ["all"] } }))],
  ["an address that the caller claims", () => event({ sourceIPs: [claimedAddress] })],
  [
    "a smuggled request, whoever sends it",
    () => event({ requestURI: `/x?${smuggledMark}`, user: { username: "system:anonymous" } }),
  ],
  ["a marked request that no auth proxy sends", () => event({ user: { username: "system:anonymous" } })],
])("a violation: %s", (_, line) => {
  expect(verdict(line())).toHaveLength(1)
})

test("a violation: one request's user on another request, and a request whose token admits nobody", () => {
  const other = AuditJudge.newMark()
  judge.expect(other, 8, undefined)
  expect(verdict(event({ requestURI: `/api?mark=${other}` }))).toHaveLength(1)
})

test("a request of the account itself is none of ours, also when the API server refused it, but for its two questions", () => {
  const message = `configmaps is forbidden: User "${account}" cannot impersonate-on:user-info: resource "configmaps"`
  const refused = { impersonatedUser: undefined, responseStatus: { code: 403, message } }
  for (const requestURI of ["/version", "/livez"])
    expect(verdict(event({ impersonatedUser: undefined, requestURI }))).toEqual([])
  expect(verdict(event(refused))).toHaveLength(1)
})
