import { describe, expect, test } from "bun:test"
import { failureDetail, failureReason, isAbsent, statusOf } from "./classify.ts"

describe("a failure's reason follows from code and Status", () => {
  test.each([
    [400, "", "Invalid"],
    [401, "Unauthorized", "AccessDenied"],
    [403, 'secrets "a" is forbidden: User "u" cannot get resource', "AccessDenied"],
    [
      403,
      'pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
      "QuotaExceeded",
    ],
    [403, 'pods "a" is forbidden: failed quota: q: must specify cpu', "QuotaExceeded"],
    [403, 'pods "a" is forbidden: status unknown for quota: q, resources: pods', "QuotaExceeded"],
    [404, "", "NotFound"],
    [409, "", "Conflict"],
    [410, "", "NotFound"],
    [415, "", "Invalid"],
    [422, "", "Invalid"],
    [429, "", "Unreachable"],
    [500, "", "Unreachable"],
    [503, "", "Unreachable"],
    [302, "", "Unreachable"],
  ] as const)("%i %s is %s", (code, message, reason) => {
    expect(failureReason(code, { message })).toBe(reason)
    if (message === "") expect(failureReason(code, undefined)).toBe(reason)
  })
})

describe("an object is absent", () => {
  const status = { reason: "NotFound", details: { name: "a" } }
  test("when the server names it", () => expect(isAbsent(404, status, "a")).toBe(true))
  test("and not when it names another thing, as the namespace", () => expect(isAbsent(404, status, "b")).toBe(false))
  test("and not when the path itself is unknown", () => expect(isAbsent(404, undefined, "a")).toBe(false))
})

test("a body that is no Status is none, and the code speaks", () => {
  expect(statusOf("<html>")).toBeUndefined()
  expect(statusOf({ kind: "Secret" })).toBeUndefined()
  expect(failureDetail(502, undefined)).toBe("status 502 without a reason")
  expect(failureDetail(422, { message: "x".repeat(5_000) })).toHaveLength(1_000)
})
