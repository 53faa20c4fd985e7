import { afterEach, describe, expect, test } from "bun:test"
import type { AttackRange } from "../range/AttackRange.ts"
import { causeOf, request } from "../range/requests.ts"

const hidden = "GET /api/v1/secrets?smuggled HTTP/1.1\r\nHost: x\r\nImpersonate-User: system:admin\r\n\r\n"
const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`

/** Two readers of one byte sequence must not see different requests. */
export const framing = (range: () => AttackRange): void => {
  afterEach(() => range().hangUp())

  describe("S8: a body whose length can be read in two ways is refused, and what hides in it never becomes a request:", () => {
    const withHidden = (headers: readonly string[], body = chunked("{}") + hidden) => ({ headers, body })
    test.each([
      ["CL.TE", withHidden(["Content-Length: 6", "Transfer-Encoding: chunked"])],
      ["TE.CL", withHidden(["Transfer-Encoding: chunked", "Content-Length: 6"])],
      ["TE.TE", withHidden(["Transfer-Encoding: chunked", "Transfer-Encoding: identity"])],
      ["TE twice", withHidden(["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"])],
      ["TE list", withHidden(["Transfer-Encoding: gzip, chunked"])],
      ["TE reversed", withHidden(["Transfer-Encoding: chunked, gzip"])],
      ["xchunked", withHidden(["Transfer-Encoding: xchunked"])],
      ["chunked in capitals", withHidden(["Transfer-Encoding: CHUNKED"])],
      ["chunked;q=1", withHidden(["Transfer-Encoding: chunked;q=1"])],
      ["quoted", withHidden(['Transfer-Encoding: "chunked"'])],
      ["vertical tab", withHidden(["Transfer-Encoding: \x0bchunked"])],
      ["blank before the colon", withHidden(["Transfer-Encoding : chunked"])],
      ["folded", withHidden(["Transfer-Encoding:\r\n chunked"])],
      ["two lengths that differ", withHidden(["Content-Length: 2", "Content-Length: 90"], `{}${hidden}`)],
      ["two lengths that are equal", withHidden(["Content-Length: 2", "Content-Length: 2"], `{}${hidden}`)],
      ["a list of lengths", withHidden(["Content-Length: 2, 2"], `{}${hidden}`)],
      ["a signed length", withHidden(["Content-Length: +2"], `{}${hidden}`)],
      ["a hexadecimal length", withHidden(["Content-Length: 0x2"], `{}${hidden}`)],
      ["a negative length", withHidden(["Content-Length: -1"], `{}${hidden}`)],
      ["a length beyond 2^63", withHidden(["Content-Length: 9223372036854775809"], `{}${hidden}`)],
      ["a wrong chunk size", withHidden(["Transfer-Encoding: chunked"], `zz\r\n{}\r\n0\r\n\r\n${hidden}`)],
      ["a chunk size beyond 2^64", withHidden(["Transfer-Encoding: chunked"], `1${"0".repeat(17)}\r\n{}`)],
      ["a chunk without its end", withHidden(["Transfer-Encoding: chunked"], `2\r\n{}XX0\r\n\r\n${hidden}`)],
      ["bare LF", withHidden(["Content-Length: 2\nX: y"], `{}${hidden}`)],
      ["NUL in a name", withHidden(["Con\0tent-Length: 2"], `{}${hidden}`)],
    ])("%s", async (_, { headers, body }) => {
      const mark = range().audit.mark()
      const token = await range().clusterToken()
      const { raw } = await range().connect()
      raw.write(request("POST /api/v1/namespaces/default/configmaps", { token, headers, body }))
      const answer = await raw.answer().catch(() => undefined)
      // The API server has a 403 for this too: the refusal has to be ours.
      if (answer !== undefined) expect([answer.status, causeOf(answer.body)]).toEqual([400, expect.any(String)])
      await raw.ended
      const reached = await range().reached(mark)
      expect(reached.filter((line) => line.includes("smuggled") || !line.includes("/configmaps"))).toEqual([])
    })
  })

  test("S8: trailers and chunk extensions end at the auth proxy, an impersonation header in a trailer too", async () => {
    const mark = range().audit.mark()
    const token = await range().clusterToken()
    const { raw } = await range().connect()
    const body =
      '{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectRulesReview","spec":{"namespace":"default"}}'
    const answer = await raw.ask(
      request("POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {
        token,
        headers: ["Content-Type: application/json", "Transfer-Encoding: chunked", "Trailer: Impersonate-User"],
        body: `${body.length.toString(16)};x="y"\r\n${body}\r\n0\r\nImpersonate-User: system:admin\r\nImpersonate-Group: system:masters\r\n\r\n`,
      }),
    )
    expect(answer.status).toBe(201)
    expect(await range().reached(mark)).toEqual([
      "create /apis/authorization.k8s.io/v1/selfsubjectrulesreviews as oidc:mallory",
    ])
  })

  test("S8: each request of a kept connection is authenticated by itself", async () => {
    const mark = range().audit.mark()
    const { raw } = await range().connect()
    expect((await raw.ask(request("GET /api", { token: await range().clusterToken() }))).status).toBe(200)
    expect((await raw.ask(request("GET /api?second"))).status).toBe(401)
    const other = await range().clusterToken({ sub: "somebody-else" })
    expect((await raw.ask(request("GET /api?third", { token: other }))).status).toBe(200)
    expect(await range().reached(mark)).toEqual(["get /api as oidc:mallory", "get /api?third as oidc:somebody-else"])
  })

  test("S8: a second request before the first was answered is cut off", async () => {
    const mark = range().audit.mark()
    const token = await range().clusterToken()
    const { raw } = await range().connect()
    raw.write(request("GET /api?first", { token }) + hidden)
    await raw.ended
    expect((await range().reached(mark)).filter((line) => line.includes("smuggled"))).toEqual([])
  })

  test("S8: a header that may be there once is refused when it is there twice", async () => {
    const mark = range().audit.mark()
    const token = await range().clusterToken()
    for (const line of [
      "Authorization: Bearer x",
      "authorization: Basic eDp5",
      "Host: evil.example",
      "Content-Type: a\r\nContent-Type: b",
    ]) {
      const { raw } = await range().connect()
      expect([line, (await raw.ask(request("GET /api", { token, headers: [line] }))).status]).toEqual([line, 400])
    }
    expect(await range().reached(mark)).toEqual([])
  })
}
