import { describe, expect, test } from "bun:test"
import { outboundBench, rejection } from "../fixtures/outboundBench.ts"
import { BodyTooLarge, OutboundInvalid, RedirectRefused, requestJson } from "../outbound.ts"

const bench = outboundBench()
const { trusting, throughProxy } = bench

describe("a JSON request", () => {
  test("sends a body as JSON through the proxy and parses the answer", async () => {
    const { status, body } = await requestJson("https://relay.test/v1/x?y=1", {
      ca: trusting(),
      proxy: throughProxy(),
      body: { a: 1 },
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({ method: "POST", url: "/v1/x?y=1", body: '{"a":1}' })
  })

  test("answers with the status and text of an error that is not JSON", async () => {
    const answered = await requestJson(`https://localhost:${bench.port}/html`, { ca: trusting() })
    expect(answered).toMatchObject({ status: 502, body: undefined, text: "<h1>bad gateway</h1>" })
  })

  test("does not follow a redirect", async () => {
    const error = await rejection(requestJson(`https://localhost:${bench.port}/redirect`, { ca: trusting() }))
    expect(error).toBeInstanceOf(RedirectRefused)
  })

  test("refuses an answer beyond its bound", async () => {
    const error = await rejection(
      requestJson(`https://localhost:${bench.port}/large`, { ca: trusting(), maxBodyBytes: 1999 }),
    )
    expect(error).toBeInstanceOf(BodyTooLarge)
    expect(
      (await requestJson(`https://localhost:${bench.port}/large`, { ca: trusting(), maxBodyBytes: 2000 })).text,
    ).toHaveLength(2000)
  })

  test.each(["/cut", "/until-close"])("takes an answer that may be cut for a failure: %s", async (path) => {
    const error = await rejection(requestJson(`https://localhost:${bench.port}${path}`, { ca: trusting() }))
    expect(error).toMatchObject({ _tag: "Unreachable", stage: "http" })
  })

  test("is given up after its time, and when the caller aborts", async () => {
    const url = `https://localhost:${bench.port}/silent`
    expect(await rejection(requestJson(url, { ca: trusting(), timeoutMillis: 100 }))).toMatchObject({
      stage: "http",
      code: "ETIMEDOUT",
    })
    const controller = new AbortController()
    const pending = rejection(requestJson(url, { ca: trusting(), signal: controller.signal }))
    controller.abort(new Error("enough"))
    expect(await pending).toMatchObject({ message: "enough" })
  })

  test("has only http and https URLs", async () => {
    expect(await rejection(requestJson("ftp://localhost/"))).toBeInstanceOf(OutboundInvalid)
  })
})
