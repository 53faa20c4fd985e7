import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { type AuthProxyBench, causeOf, request, startBench } from "./testing/AuthProxyBench.ts"
import { plainAnswer } from "./testing/RecordingServer.ts"

let bench: AuthProxyBench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.stop())
afterEach(() => {
  bench.upstream.heads.length = 0
  bench.upstream.connections.length = 0
  bench.upstream.answer = (socket) => socket.write(plainAnswer("200 OK", "{}"))
})

describe("on an API server before 1.35, a WebSocket exec", () => {
  const headers = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
  ]
  const exec = "/api/v1/namespaces/d/pods/p/exec"
  const oldServer = async (allowed: boolean | undefined) => {
    const old = await startBench()
    // The probe has seen 1.37; a server of which nothing is known is treated as an old one.
    ;(old.authProxy.policy.current().policy as { serverChecksSessions: () => boolean }).serverChecksSessions = () =>
      false
    old.upstream.answer = (socket, head) => {
      if (head.startsWith("GET")) return void socket.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
      socket.write(
        allowed === undefined
          ? plainAnswer("500 Internal Server Error", "{}")
          : plainAnswer("201 Created", JSON.stringify({ status: { allowed } })),
      )
    }
    return old
  }
  test.each([
    [false, 403, "SessionForbidden"],
    [undefined, 503, "SessionCheckFailed"],
  ] as const)(
    "that the API server judges %p is refused, and the upgrade is not sent",
    async (allowed, status, cause) => {
      const old = await oldServer(allowed)
      try {
        const connection = await old.connect()
        const answer = await connection.ask(request(`GET ${exec}?command=sh`, { token: old.token(), headers }))
        expect([answer.status, causeOf(answer.body)]).toEqual([status, cause])
        expect(old.upstream.heads.filter((head) => head.startsWith("GET"))).toEqual([])
      } finally {
        await old.stop()
      }
    },
  )
  test("over SPDY asks too when it comes as a GET, and not as a POST, which the server itself takes for a create", async () => {
    const old = await oldServer(false)
    try {
      const spdy = ["Connection: Upgrade", "Upgrade: SPDY/3.1"]
      const asGet = await old.connect()
      const refused = await asGet.ask(request(`GET ${exec}?command=sh`, { token: old.token(), headers: spdy }))
      expect([refused.status, causeOf(refused.body)]).toEqual([403, "SessionForbidden"])
      old.upstream.heads.length = 0
      old.upstream.answer = (socket) => socket.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
      const asPost = await old.connect()
      await asPost.ask(request(`POST ${exec}?command=sh`, { token: old.token(), headers: spdy }))
      expect(old.upstream.heads.map((head) => head.split(" ").slice(0, 2).join(" "))).toEqual([
        `POST ${exec}?command=sh`,
      ])
    } finally {
      await old.stop()
    }
  })
  test("that the caller may create is sent", async () => {
    const old = await oldServer(true)
    try {
      const connection = await old.connect()
      const answer = await connection.ask(request(`GET ${exec}?command=sh`, { token: old.token(), headers }))
      expect(answer.status).toBe(403)
      expect(old.upstream.heads.map((head) => head.split(" ")[0])).toEqual(["POST", "GET"])
      expect(old.upstream.heads[0]).toContain("Impersonate-User: oidc:alice")
    } finally {
      await old.stop()
    }
  })
})
