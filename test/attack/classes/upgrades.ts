import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import type { AttackRange } from "../range/AttackRange.ts"
import { answerOf, type RawApiServer, startRawApiServer } from "../range/RawApiServer.ts"
import { causeOf, request } from "../range/requests.ts"

const spdy = ["Connection: Upgrade", "Upgrade: SPDY/3.1", "X-Stream-Protocol-Version: v4.channel.k8s.io"]
const webSocket = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version: 13",
]
const exec = "/api/v1/namespaces/default/pods/p/exec?command=id"
const switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
const smuggled = "GET /api/v1/secrets?smuggled HTTP/1.1\r\nHost: x\r\nImpersonate-User: system:admin\r\n\r\n"

/** An upgrade that fails must not leave an authenticated pipe. The API server is the test's own: it answers what no API server would. */
export const upgrades = (range: () => AttackRange): void => {
  let api: RawApiServer
  let token: string
  beforeAll(async () => {
    api = await startRawApiServer(range().world.cluster.outsideAddress)
    const { url, caPem } = api
    await range().second.configure({ apiServer: { url, caPem, token: "the-service-account-of-the-attack" } })
    token = await range().clusterToken({}, { cluster: range().second.name })
  })
  afterAll(async () => {
    await range().second.configure()
    await api.stop()
  })
  afterEach(() => {
    range().hangUp()
    // A kept connection would carry the next test's request to the answer of this one.
    for (const { socket } of api.arrivals.splice(0)) socket.destroy()
  })
  const connect = async () => (await range().connect(range().second.name)).raw

  describe("S7: an upgrade that is not answered by its own 101 leaves no pipe, and what was pipelined stays out:", () => {
    test.each([
      ["200", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200],
      ["302", "HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n", 302],
      ["403", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403],
      ["403 in chunks", "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 403],
      ["garbage", "SSH-2.0-OpenSSH_9.9\r\n\r\n", 502],
      ["101 to another protocol", "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 502],
      ["101 without Upgrade", "HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n", 502],
      ["a late 101 behind a 200", `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${switched}`, 200],
      ["a late 101 behind a 403", `HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno${switched}`, 403],
      ["100 and then a wrong 101", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 X\r\nUpgrade: h2c\r\n\r\n", 502],
      ["a status that is none", "HTTP/1.1 099 X\r\nContent-Length: 2\r\n\r\nno", 502],
      ["a status above all", "HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\nno", 502],
      ["a reason with controls", "HTTP/1.1 403 F\x01\x7f\0\r\nContent-Length: 2\r\n\r\nno", 403],
      ["our own credential refused", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno", 502],
    ])("%s", async (_, answer, status) => {
      api.answer = (socket) => socket.write(answer)
      for (const headers of [spdy, webSocket]) {
        const raw = await connect()
        raw.write(request(`${headers === spdy ? "POST" : "GET"} ${exec}`, { token, headers, body: smuggled }))
        expect((await raw.answer()).status).toBe(status)
        raw.write(smuggled)
        await raw.ended
      }
      expect(api.arrivals).toHaveLength(2)
      for (const { received } of api.arrivals) {
        expect(received.split("\r\n\r\n")).toHaveLength(2)
        expect(received).not.toContain("smuggled")
      }
    })
  })

  describe("S2: nothing that is about the client's connection goes on, whatever it names:", () => {
    test.each([
      { lines: ["Connection: Impersonate-User, Authorization, close", "TE: trailers", "Trailer: Impersonate-User"] },
      {
        lines: ["Connection: keep-alive, Impersonate-Group", "Keep-Alive: timeout=99", "Proxy-Connection: keep-alive"],
      },
    ])("$lines", async ({ lines }) => {
      api.answer = (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
      const raw = await connect()
      expect((await raw.ask(request("GET /api?s2-raw", { token, headers: lines }))).status).toBe(200)
      const [head = ""] = api.arrivals[0]?.received.split("\r\n\r\n") ?? []
      const names = head.split("\r\n").map((line) => line.split(":")[0]!.toLowerCase())
      for (const ours of ["host", "authorization", "impersonate-user", "audit-id", "x-forwarded-for"])
        expect([ours, names.filter((name) => name === ours)]).toEqual([ours, [ours]])
      for (const gone of ["te", "trailer", "proxy-connection", "upgrade"]) expect(names).not.toContain(gone)
      // Its own hop's word, if any, and nothing of the client's.
      expect(head).not.toMatch(/^(connection|keep-alive):.*(impersonate|authorization|99)/im)
    })
  })

  describe("S27: what may have run is not sent twice:", () => {
    test.each(["POST", "DELETE", "PUT", "PATCH"])("%s whose kept connection ends under it", async (method) => {
      const raw = await connect()
      let heads = 0
      api.answer = (socket, head) => {
        heads += 1
        socket.write(answerOf("200 OK", "{}"))
        // The second request on it meets a connection that is just going away, as after an idle time.
        socket.once("data", () => socket.destroy())
        expect(head).toStartWith(method)
      }
      const ask = () => raw.ask(request(`${method} /api/v1/namespaces/d/configmaps/c`, { token }))
      expect((await ask()).status).toBe(200)
      const second = await ask()
      expect([second.status, causeOf(second.body)]).toEqual([504, "OutcomeUnknown"])
      expect(heads).toBe(1)
      expect(api.arrivals[0]?.received.match(new RegExp(`^${method} `, "gm"))).toHaveLength(2)
    })
  })

  test("S7: no answer at all is a failure that says the outcome is unknown", async () => {
    api.answer = (socket) => socket.destroy()
    const raw = await connect()
    const answer = await raw.ask(request(`POST ${exec}`, { token, headers: spdy }))
    expect([answer.status, causeOf(answer.body)]).toEqual([504, "OutcomeUnknown"])
  })

  test("S7: a plain request that is answered with 101 is a failure", async () => {
    api.answer = (socket) => socket.write(`${switched}raw bytes`)
    const raw = await connect()
    const answer = await raw.ask(request("GET /api", { token }))
    expect([answer.status, causeOf(answer.body)]).toEqual([502, "ApiServerAnswerRefused"])
    expect(answer.body).not.toContain("raw bytes")
  })

  test("S7: an upgrade to anything but websocket and SPDY/3.1 does not leave the auth proxy", async () => {
    for (const named of ["h2c", "TLS/1.0", "websocket, h2c", "SPDY/3", "spdy/3.1, websocket"]) {
      const raw = await connect()
      const headers = ["Connection: Upgrade", `Upgrade: ${named}`, "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"]
      const answer = await raw.ask(request(`POST ${exec}`, { token, headers }))
      expect([named, answer.status]).toEqual([named, 400])
    }
    expect(api.arrivals).toEqual([])
  })

  test("S7: a redirect is passed back and not followed, and the credential went nowhere else", async () => {
    const raw = await connect()
    api.answer = (socket) =>
      socket.write(`HTTP/1.1 307 X\r\nLocation: ${api.url}/elsewhere\r\nContent-Length: 0\r\n\r\n`)
    expect((await raw.ask(request("GET /api", { token }))).status).toBe(307)
    expect(api.arrivals).toHaveLength(1)
  })

  test("S10: the bearer subprotocol authenticates an upgrade and is gone behind the auth proxy, as is the token", async () => {
    api.answer = (socket) =>
      socket.write(
        "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n",
      )
    const bearer = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString("base64url")}`
    for (const offered of [`${bearer}, v5.channel.k8s.io`, `v5.channel.k8s.io,${bearer}`]) {
      const raw = await connect()
      const headers = [...webSocket, `Sec-WebSocket-Protocol: ${offered}`]
      expect((await raw.ask(request(`GET ${exec}`, { headers }), true)).status).toBe(101)
    }
    expect(api.arrivals).toHaveLength(2)
    for (const { received } of api.arrivals) {
      expect(received.match(/^sec-websocket-protocol: (.*)$/im)?.[1]?.trim()).toBe("v5.channel.k8s.io")
      expect(received).toContain("Impersonate-User: oidc:mallory")
      expect(received).not.toContain("bearer.authorization")
      expect(received).not.toContain(token)
    }
  })

  test("S10: two credentials, a damaged one, or one on a plain request are refused", async () => {
    const bearer = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString("base64url")}`
    const offering = (text: string) => [...webSocket, `Sec-WebSocket-Protocol: ${text}`]
    for (const [headers, withToken, status] of [
      [offering(`${bearer}, v5.channel.k8s.io`), true, 400],
      [offering(`${bearer}, ${bearer}, v5.channel.k8s.io`), false, 400],
      [offering(`${bearer}=, v5.channel.k8s.io`), false, 401],
      [offering(bearer), false, 400],
      [[`Sec-WebSocket-Protocol: ${bearer}, v5.channel.k8s.io`], false, 401],
    ] as const) {
      const raw = await connect()
      const answer = await raw.ask(request(`GET ${exec}`, { headers, ...(withToken ? { token } : {}) }))
      expect([headers.at(-1)?.length, answer.status]).toEqual([headers.at(-1)?.length, status])
    }
    expect(api.arrivals).toEqual([])
  })

  describe("S26: an answer of the API server that is cut at any byte is never complete at the client:", () => {
    const list = '{"kind":"ConfigMapList","apiVersion":"v1","items":[{"metadata":{"name":"a"}}]}'
    const chunks = list.match(/.{1,20}/g)!.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`)
    test.each([
      [
        "with a length",
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${list.length}\r\n\r\n${list}`,
      ],
      [
        "in chunks",
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.join("")}0\r\n\r\n`,
      ],
    ])(
      "a list %s",
      async (_, whole) => {
        let cut = whole.length
        api.answer = (socket) => socket.end(whole.slice(0, cut))
        const outcome = async (at: number, raw: Awaited<ReturnType<typeof connect>>) => {
          cut = at
          raw.write(request("GET /api/v1/configmaps", { token }))
          return raw.answer().then(
            ({ status, body }) => (status === 200 ? body : status),
            () => "cut",
          )
        }
        expect(await outcome(whole.length, await connect())).toBe(list)
        let raw = await connect()
        const seen = new Set<unknown>()
        for (let at = 0; at < whole.length; at += 1) {
          const said = await outcome(at, raw)
          seen.add(said)
          if (said === "cut") raw = await connect()
        }
        // Without a head an answer of ours that says so; within the body only a cut.
        expect([...seen].filter((said) => said !== "cut" && said !== 502)).toEqual([])
        expect(seen.has("cut")).toBe(true)
      },
      60_000,
    )
  })
}
