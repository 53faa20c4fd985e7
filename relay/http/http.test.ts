import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import type { IncomingMessage } from "node:http"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { addressMatcher, isAddressRange } from "../configuration/addressRange.ts"
import { startTestRelay, type TestRelay } from "../testing/TestRelay.ts"
import { clientAddress } from "./clientAddress.ts"

let relay: TestRelay
beforeEach(async () => {
  relay = await startTestRelay()
})
afterEach(() => relay[Symbol.asyncDispose]())

/** The answer to a request that is sent as it stands. */
const raw = (request: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ""
    const socket = connect(relay.port, "127.0.0.1", () => socket.write(request))
    socket.setEncoding("utf8").on("data", (more) => {
      text += more
    })
    socket.on("end", () => resolve(text)).on("error", reject)
  })
const get = (target: string, headers = "") =>
  raw(`GET ${target} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n${headers}\r\n`)

describe("the public port", () => {
  for (const target of [
    "/",
    "/v1",
    "/v1/clusters/",
    "//v1/clusters",
    "/v1/./clusters",
    "/v1/clusters?x",
    "/v1/%63lusters",
    "/V1/clusters",
    "/v1/clusters/a/b",
  ])
    test(`answers ${target} with 404 and a Status, for nothing is normalised`, async () => {
      const answer = await get(target)
      expect(answer).toStartWith("HTTP/1.1 404")
      expect(answer).toContain('"kind":"Status"')
    })

  test("answers a known path with a method that it does not take with 405", async () => {
    expect(await relay.call("POST", "/v1/clusters")).toMatchObject({ status: 405, cause: "MethodNotAllowed" })
    expect(await relay.call("GET", "/v1/join")).toMatchObject({ status: 405, cause: "MethodNotAllowed" })
  })

  test("refuses an upgrade where none is taken, and a plain request where one is expected", async () => {
    const upgrade = "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    const answer = await raw(`GET /v1/clusters HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\n${upgrade}\r\n`)
    expect(answer).toStartWith("HTTP/1.1 400")
    expect(answer).toContain("UpgradeUnexpected")
    expect(await relay.call("GET", "/v1/agents/control")).toMatchObject({ status: 400, cause: "UpgradeRequired" })
  })

  test("refuses ambiguous heads with a Status", async () => {
    const answer = await get("/livez", "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n")
    expect(answer).toStartWith("HTTP/1.1 400")
    expect(answer).toContain("HeadMalformed")
  })

  test("never sends Retry-After", async () => {
    await relay.cluster("edge-1")
    expect((await get("/v1/clusters")).toLowerCase()).not.toContain("retry-after")
  })
})

describe("the OpenAPI document", () => {
  test("has every route, and every operation in it is served", async () => {
    const { body } = await relay.call("GET", "/openapi.json")
    const documented = Object.entries(body.paths as Record<string, object>).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(documented.sort()).toEqual(relay.relay.routes.map(({ method, path }) => `${method} ${path}`).sort())
    expect(new Set(relay.relay.routes.map(({ operationId }) => operationId)).size).toBe(relay.relay.routes.length)
    for (const operation of documented) {
      const [method = "", path = ""] = operation.split(" ")
      const { cause } = await relay.call(method, path.replaceAll(/\{\w+\}/g, "edge-1"))
      expect(["NotFound", "MethodNotAllowed"]).not.toContain(cause ?? "")
    }
  })

  test("names the authentication that a route really asks for", async () => {
    for (const route of relay.relay.routes.filter(({ authentication }) => authentication === "caller")) {
      if (route.kind === "upgrade") continue
      const answer = await relay.call(route.method, route.path.replaceAll(/\{\w+\}/g, "edge-1"))
      expect([route.path, answer.cause]).toEqual([route.path, "TokenMissing"])
    }
  })
})

describe("/download/", () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "clusterconnect-download-"))
    mkdirSync(join(folder, "public", "v1"), { recursive: true })
    writeFileSync(join(folder, "secret"), "secret")
    writeFileSync(join(folder, "public", ".hidden"), "secret")
    writeFileSync(join(folder, "public", "v1", "clusterconnect"), Buffer.alloc(300_000, 7))
    symlinkSync(join(folder, "secret"), join(folder, "public", "link"))
    relay.configure({ downloadDirectory: join(folder, "public") })
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test("sends a file whole", async () => {
    const response = await fetch(`${relay.http}/download/v1/clusterconnect`)
    expect(response.headers.get("content-length")).toBe("300000")
    expect(Buffer.from(await response.arrayBuffer()).equals(Buffer.alloc(300_000, 7))).toBe(true)
  })

  for (const target of [
    "/download/",
    "/download/v1",
    "/download/../secret",
    "/download/%2e%2e/secret",
    "/download/.hidden",
    "/download/link",
    "/download/v1//clusterconnect",
    "/download/none",
  ])
    test(`does not send ${target}`, async () => {
      const answer = await get(target)
      expect(answer).toStartWith("HTTP/1.1 404")
      expect(answer).not.toContain("secret\n")
    })
})

describe("the client's address", () => {
  const trusted = addressMatcher(["10.0.0.0/8", "2001:db8::1"])
  const from = (remoteAddress: string, forwarded?: string) =>
    clientAddress(
      { socket: { remoteAddress }, headers: { "x-forwarded-for": forwarded } } as unknown as IncomingMessage,
      trusted,
    )

  const table: readonly [string, string | undefined, string][] = [
    ["203.0.113.9", undefined, "203.0.113.9"],
    ["::ffff:203.0.113.9", undefined, "203.0.113.9"],
    ["203.0.113.9", "198.51.100.7", "203.0.113.9"],
    ["10.1.2.3", "198.51.100.7", "198.51.100.7"],
    ["::ffff:10.1.2.3", "1.1.1.1, 198.51.100.7, 10.9.9.9", "198.51.100.7"],
    ["10.1.2.3", "1.1.1.1, not-an-address", "10.1.2.3"],
    ["2001:db8::1", "2001:db8::99", "2001:db8::99"],
    ["10.1.2.3", "", "10.1.2.3"],
  ]
  for (const [remote, forwarded, expected] of table)
    test(`is ${expected} for ${remote} with X-Forwarded-For ${forwarded}`, () => {
      expect(from(remote, forwarded)).toBe(expected)
    })

  test("ranges are addresses and networks", () => {
    for (const good of ["10.0.0.0/8", "::/0", "192.0.2.1", "2001:db8::/32"]) expect(isAddressRange(good)).toBe(true)
    for (const bad of ["10.0.0.0/33", "10.0.0/8", "example.com", "10.0.0.0/8/8", "10.0.0.0/", ""])
      expect(isAddressRange(bad)).toBe(false)
  })
})
