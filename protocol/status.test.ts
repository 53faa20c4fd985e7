import { describe, expect, test } from "bun:test"
import * as fc from "fast-check"
import { hops, refusalFrom, refusalResponse, statusOf } from "./status.ts"

describe("a refusal", () => {
  test("is a metav1.Status that names the hop, and comes back from its body", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...hops),
        fc.integer({ min: 400, max: 599 }),
        fc.string(),
        fc.string(),
        fc.option(fc.nat(), { nil: undefined }),
        (hop, code, cause, message, retry) => {
          const refusal = { hop, code, cause, message, ...(retry === undefined ? {} : { retryAfterSeconds: retry }) }
          const { body } = refusalResponse(refusal)
          expect(refusalFrom(code, body)).toEqual(refusal)
          expect(JSON.parse(body)).toMatchObject({ kind: "Status", apiVersion: "v1", status: "Failure", code })
        },
      ),
    )
  })
  test("never has a Retry-After header, because client-go repeats any verb on it", () => {
    const { headers, body } = refusalResponse({
      code: 429,
      hop: "relay",
      cause: "x",
      message: "y",
      retryAfterSeconds: 5,
    })
    expect(Object.keys(headers).map((name) => name.toLowerCase())).not.toContain("retry-after")
    expect(JSON.parse(body).details.retryAfterSeconds).toBe(5)
  })
  test("of discovery is a warning too, because kubectl shows nothing else of it there", () => {
    const refusal = { code: 503, hop: "relay", cause: "x", message: 'no "way"\n there' } as const
    for (const target of ["/api", "/apis?timeout=32s", "/api/v1", "/apis/apps/v1", "/openapi/v3?hash=1"])
      expect([target, refusalResponse(refusal, target).headers.warning]).toEqual([
        target,
        '299 - "clusterconnect relay: no \\"way\\"? there"',
      ])
    for (const target of ["/", "/version", "/api/v1/pods", "/apis/apps/v1/deployments?watch=1", "/apiserver"])
      expect([target, refusalResponse(refusal, target).headers.warning]).toEqual([target, undefined])
  })
  test("has the length of its body in bytes and is not cached", () => {
    const { headers, body } = refusalResponse({ code: 403, hop: "relay", cause: "x", message: "nö" })
    expect(headers["content-length"]).toBe(String(Buffer.byteLength(body)))
    expect(headers["cache-control"]).toBe("no-store")
  })
  test.each([
    [401, "Unauthorized"],
    [403, "Forbidden"],
    [404, "NotFound"],
    [409, "Conflict"],
    [429, "TooManyRequests"],
    [503, "ServiceUnavailable"],
    [504, "Timeout"],
    [418, "BadRequest"],
    [599, "InternalError"],
  ])("with status %d has the reason %s", (code, reason) => {
    expect(statusOf({ code, hop: "relay", cause: "x", message: "y" }).reason).toBe(reason)
  })
  test("asks for a bearer token only with 401", () => {
    const headersOf = (code: number) => refusalResponse({ code, hop: "relay", cause: "x", message: "y" }).headers
    expect(headersOf(401)["www-authenticate"]).toBe("Bearer")
    expect(headersOf(403)["www-authenticate"]).toBeUndefined()
  })
})

describe("somebody else's answer", () => {
  const ours = statusOf({ code: 403, hop: "relay", cause: "x", message: "y" })
  test.each([
    ["no JSON", "<html>"],
    ["null", "null"],
    ["the API server's Status", JSON.stringify({ ...ours, details: {} })],
    ["a hop that we do not have", JSON.stringify(ours).replace('"message":"relay"', '"message":"\\u001b[2J"')],
    ["causes that are no list", JSON.stringify({ ...ours, details: { causes: {} } })],
    ["no message", JSON.stringify({ ...ours, message: 1 })],
    ["another kind", JSON.stringify({ ...ours, kind: "List" })],
  ])("is not taken for ours: %s", (_, body) => {
    expect(refusalFrom(403, body)).toBeUndefined()
  })
})
