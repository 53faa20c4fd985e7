import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import * as http from "node:http"
import { listen, rawExchange } from "./sockets.ts"

let server: http.Server
let port: number
let seen = 0
beforeAll(async () => {
  server = http.createServer((request, response) => {
    seen += 1
    request.on("error", () => {}).resume()
    response.writeHead(200, { connection: "close" }).end()
  })
  port = await listen(server)
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const head = (...lines: string[]) => `POST / HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`

/** Rule: request smuggling is refused by the parser, and what it lets through by platform's headFault. */
describe("Bun's HTTP parser refuses with 400", () => {
  test.each([
    ["a length beside a chunked encoding", head("Host: a", "Content-Length: 3", "Transfer-Encoding: chunked")],
    ["two differing lengths", head("Host: a", "Content-Length: 3", "Content-Length: 4")],
    ["a space before the colon", head("Host : a")],
    ["an obsolete line fold", head("Host: a", "X: 1", " 2")],
    ["a bare LF", "GET / HTTP/1.1\nHost: a\n\n"],
    ["a bare CR in a value", head("Host: a", "X: 1\r2")],
    ["a NUL in a value", head("Host: a", "X: 1\u00002")],
    ["a negative length", head("Host: a", "Content-Length: -1")],
  ])("%s", async (_, request) => {
    const before = seen
    expect(await rawExchange(port, request)).toStartWith("HTTP/1.1 400 ")
    expect(seen).toBe(before)
  })

  test("a bad chunk size, so that a body is never read past its end", async () => {
    const bodies: string[] = []
    const reading = http.createServer((request, response) => {
      request.on("error", () => bodies.push("error")).on("aborted", () => bodies.push("aborted"))
      request.on("end", () => {
        bodies.push("end")
        response.end()
      })
      request.resume()
    })
    const at = await listen(reading)
    await rawExchange(at, `${head("Host: a", "Transfer-Encoding: chunked")}zz\r\nabc\r\n0\r\n\r\n`)
    expect(bodies).not.toContain("end")
    reading.closeAllConnections()
    reading.close()
  })
})

/** Rule: platform's headFault refuses these; when Bun begins to refuse one itself, its entry there may go. */
describe("Bun's HTTP parser lets through", () => {
  test.each([
    ["two equal lengths", head("Host: a", "Content-Length: 0", "Content-Length: 0")],
    ["a chain of transfer encodings", `${head("Host: a", "Transfer-Encoding: gzip, chunked")}0\r\n\r\n`],
    ["two Authorization lines", head("Host: a", "Authorization: a", "Authorization: b", "Content-Length: 0")],
    ["an absolute target", "GET http://other/ HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["an underscore in a header name", head("Host: a", "Impersonate_User: b", "Content-Length: 0")],
  ])("%s", async (_, request) => {
    const before = seen
    expect(await rawExchange(port, request)).toStartWith("HTTP/1.1 200 ")
    expect(seen).toBe(before + 1)
  })
})

/** Rule: what is authorised is what is sent (path confusion, security.md section 1). */
test("the request target arrives raw", async () => {
  const targets: string[] = []
  const echo = http.createServer((request, response) => {
    targets.push(request.url ?? "")
    response.writeHead(200, { connection: "close" }).end()
  })
  const at = await listen(echo)
  const raw = ["/a/../b", "/a//b", "/a%2fb", "/a%2e%2e/b?x=%00", "/a;b\\c"]
  for (const target of raw) await rawExchange(at, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
  expect(targets).toEqual(raw)
  echo.closeAllConnections()
  echo.close()
})
