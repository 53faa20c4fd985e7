import { describe, expect, test } from "bun:test"
import { admission, bearerProtocolPrefix, connectionOptions } from "./admission.ts"

const endpoint = { cluster: "edge-1", port: 47_011, credential: "ccsession_abc" }
const good = ["Host", "127.0.0.1:47011", "Authorization", "Bearer ccsession_abc"]
const head = (change: Partial<Parameters<typeof admission>[0]> = {}) => ({
  method: "GET",
  target: "/api",
  httpVersion: "1.1",
  rawHeaders: good,
  ...change,
})
const protocol = (text: string) => `${bearerProtocolPrefix}${Buffer.from(text).toString("base64url")}`

describe("admission", () => {
  test("lets the user with the session credential through", () => {
    expect(admission(head(), endpoint)).toBeUndefined()
    expect(
      admission(head({ rawHeaders: ["host", "[::1]:47011", "AUTHORIZATION", "bearer  ccsession_abc"] }), endpoint),
    ).toBeUndefined()
  })
  const refusals: readonly (readonly [string, Partial<Parameters<typeof admission>[0]>, number, string])[] = [
    ["HTTP/1.0", { httpVersion: "1.0" }, 400, "HttpVersion"],
    ["CONNECT", { method: "CONNECT", target: "a:443" }, 400, "TargetForm"],
    ["OPTIONS *", { method: "OPTIONS", target: "*" }, 400, "TargetForm"],
    ["an absolute target", { target: "http://127.0.0.1:47011/api" }, 400, "TargetForm"],
    ["a target that is not ASCII", { target: "/api/\xe9" }, 400, "TargetForm"],
    ["two Hosts", { rawHeaders: [...good, "Host", "127.0.0.1:47011"] }, 400, "HeaderRepeated"],
    ["two lengths", { rawHeaders: [...good, "Content-Length", "1", "Content-Length", "1"] }, 400, "HeaderRepeated"],
    ["two Upgrades", { rawHeaders: [...good, "Upgrade", "a", "Upgrade", "b"] }, 400, "HeaderRepeated"],
    [
      "two WebSocket keys",
      { rawHeaders: [...good, "Sec-WebSocket-Key", "a", "sec-websocket-key", "b"] },
      400,
      "HeaderRepeated",
    ],
    ["gzip, chunked", { rawHeaders: [...good, "Transfer-Encoding", "gzip, chunked"] }, 400, "TransferEncoding"],
    ["xchunked", { rawHeaders: [...good, "Transfer-Encoding", "xchunked"] }, 400, "TransferEncoding"],
    [
      "length and chunks",
      { rawHeaders: [...good, "Content-Length", "1", "Transfer-Encoding", "chunked"] },
      400,
      "ContentLengthAndChunked",
    ],
    ["no Host", { rawHeaders: good.slice(2) }, 403, "HostRefused"],
    ["no credential", { rawHeaders: good.slice(0, 2) }, 401, "CredentialMissing"],
    [
      "two bearer protocols",
      { rawHeaders: [...good.slice(0, 2), "Sec-WebSocket-Protocol", `${protocol("ccsession_abc")}, ${protocol("x")}`] },
      401,
      "CredentialMissing",
    ],
    [
      "a wrong bearer protocol",
      { rawHeaders: [...good.slice(0, 2), "Sec-WebSocket-Protocol", protocol("x")] },
      401,
      "CredentialWrong",
    ],
    [
      "a good protocol beside a wrong header",
      {
        rawHeaders: [
          ...good.slice(0, 2),
          "Authorization",
          "Bearer x",
          "Sec-WebSocket-Protocol",
          protocol("ccsession_abc"),
        ],
      },
      401,
      "CredentialWrong",
    ],
  ]
  for (const [name, change, code, cause] of refusals)
    test(`refuses ${name}`, () =>
      expect(admission(head(change), endpoint)).toMatchObject({ code, cause, hop: "proxy" }))
  test("takes the credential from a bearer subprotocol", () => {
    const rawHeaders = [
      ...good.slice(0, 2),
      "Sec-WebSocket-Protocol",
      "v5.channel.k8s.io",
      "Sec-WebSocket-Protocol",
      protocol("ccsession_abc"),
    ]
    expect(admission(head({ rawHeaders }), endpoint)).toBeUndefined()
  })
  test("another cluster's credential is as wrong as any", () => {
    expect(admission(head(), { ...endpoint, credential: "ccsession_other" })).toMatchObject({
      cause: "CredentialWrong",
    })
  })
  test("reads Connection as a list over several lines", () => {
    expect(connectionOptions(["Connection", "Keep-Alive, X-A", "connection", " ,x-b"])).toEqual([
      "keep-alive",
      "x-a",
      "x-b",
    ])
  })
})
