import { afterAll, beforeEach, describe, expect, test } from "bun:test"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { Either } from "effect"
import { requestJson } from "../platform/outbound.ts"
import { openDocument } from "./document.ts"
import { decodeJoinRequest, joinProofHolds, operatorSignatureHolds } from "./enrolment.ts"
import { newMaterial } from "./material.ts"
import { nonceHeader, path, signatureHeader } from "./names.ts"
import { deregister, isRegistered, join, publishDocument, RelayRefused, relayView } from "./relayCalls.ts"
import { type Refusal, refusalResponse } from "./status.ts"
import { newSecret } from "./ticket.ts"

/** Our relay's side of enrolment in memory: tokens are single use, registrations are by cluster and identity key. */
const relay = {
  url: "",
  tokens: new Set<string>(),
  registered: new Map<string, string>(),
  nonces: new Set<string>(),
  /** Answers joins in the relay's place. */
  before: undefined as { readonly status: number; readonly body: string } | undefined,
  /** What was published, by cluster. */
  documents: new Map<string, string>(),
  sessions: [] as unknown[],
  /** Shown with the sessions. */
  document: undefined as string | undefined,
  /** Takes joins and loses the answer. */
  loses: false,
}
const refused: Refusal = {
  code: 403,
  hop: "relay",
  cause: "JoinTokenSpent",
  message: "this join token was used before",
}

const answer = (method: string, url: string, headers: http.IncomingHttpHeaders, body: string): [number, unknown] => {
  if (url === path.challenge) {
    const nonce = newSecret()
    relay.nonces.add(nonce)
    return [200, { nonce, expiresInSeconds: 60 }]
  }
  if (url === path.join) {
    const request = Either.getOrThrow(decodeJoinRequest(body))
    const document = Either.getOrThrow(openDocument(request.document))
    const fields = { relayUrl: relay.url, cluster: request.cluster, token: request.token }
    if (!joinProofHolds(document.identityKey, fields, request.proof)) return [403, refused]
    if (!relay.tokens.delete(request.token)) return [403, refused]
    relay.registered.set(request.cluster, document.identityKey)
    return [201, {}]
  }
  const cluster = url.split("/")[3] ?? ""
  const [nonce, signature] = [String(headers[nonceHeader]), String(headers[signatureHeader])]
  const call = { nonce, relayUrl: relay.url, cluster, method, path: url, body: Buffer.from(body) }
  const known = relay.registered.get(cluster)
  const holds = relay.nonces.delete(nonce) && known !== undefined && operatorSignatureHolds(known, call, signature)
  if (!holds) return [403, { ...refused, cause: "OperatorCallRefused" }]
  if (method === "PUT") relay.documents.set(cluster, body)
  if (method === "DELETE") relay.registered.delete(cluster)
  return [method === "DELETE" ? 204 : 200, { sessions: relay.sessions, document: relay.document }]
}

const sentFor = ({ method = "", url = "", headers }: http.IncomingMessage, body: string) => {
  const [status, said] = answer(method, url, headers, body)
  return { status, body: status < 300 ? JSON.stringify(said) : refusalResponse(said as Refusal).body }
}

const server = http.createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on("data", (chunk) => chunks.push(chunk))
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString()
    const sent = (request.url === path.join && relay.before) || sentFor(request, body)
    response.writeHead(sent.status, { "content-length": Buffer.byteLength(sent.body) })
    if (request.url === path.join && relay.loses) response.destroy()
    else response.end(sent.body)
  })
})
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
relay.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
afterAll(() => void server.close())
beforeEach(() => {
  relay.before = undefined
  relay.loses = false
  relay.registered.clear()
  relay.documents.clear()
  relay.sessions = []
  relay.document = undefined
  relay.tokens = new Set(["token-1"])
})

const newCluster = () =>
  newMaterial({ cluster: "edge-1", relayUrl: relay.url, audiences: {}, rootDays: 2, leafDays: 1, now: new Date() })

describe("joining", () => {
  test("registers the identity key with its proof", async () => {
    const material = await newCluster()
    expect(await isRegistered(material, requestJson)).toBe(false)
    expect(await join(material, "token-1", requestJson)).toBe("joined")
    expect(relay.registered.get("edge-1")).toBe(material.document.identityKey)
    expect(await isRegistered(material, requestJson)).toBe(true)
  })

  test("again with the spent token is success while the registration is valid", async () => {
    const material = await newCluster()
    await join(material, "token-1", requestJson)
    expect(await join(material, "token-1", requestJson)).toBe("registered")
  })

  test("again after the answer was lost is success", async () => {
    const material = await newCluster()
    relay.loses = true
    expect(await join(material, "token-1", requestJson).catch((error: unknown) => error)).toMatchObject({
      _tag: "Unreachable",
    })
    relay.loses = false
    expect(await join(material, "token-1", requestJson)).toBe("registered")
  })

  test("with a spent token and another key is refused, in the relay's words and without the token", async () => {
    await join(await newCluster(), "token-1", requestJson)
    const error = await join(await newCluster(), "token-1", requestJson).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(RelayRefused)
    expect(error).toMatchObject({ status: 403, cause: "JoinTokenSpent" })
    expect((error as Error).message).toContain("this join token was used before")
    expect((error as Error).message).not.toContain("token-1")
  })

  test("S15: fifty keys with one token at once give one success", async () => {
    const clusters = await Promise.all(Array.from({ length: 50 }, newCluster))
    const outcomes = await Promise.allSettled(clusters.map((material) => join(material, "token-1", requestJson)))
    expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(1)
  })

  test.each([
    ["a relay that fails", 500, "oops", "HttpStatus"],
    ["something that is no relay", 404, "<html>", "HttpStatus"],
  ])("at %s says so", async (_, status, body, cause) => {
    relay.before = { status, body }
    const error = await join(await newCluster(), "token-1", requestJson).catch((error: unknown) => error)
    expect(error).toMatchObject({ _tag: "RelayRefused", status, cause })
  })

  test("where nobody answers names the stage", async () => {
    const gone = {
      ...(await newCluster()),
      document: { ...(await newCluster()).document, relayUrl: "http://127.0.0.1:1" },
    }
    expect(await join(gone, "token-1", requestJson).catch((error: unknown) => error)).toMatchObject({
      _tag: "Unreachable",
    })
  })
})

describe("in the identity key's name", () => {
  const registered = async () => {
    const material = await newCluster()
    await join(material, "token-1", requestJson)
    return material
  }

  test("the sessions are told, by key and document", async () => {
    const material = await registered()
    const session = { instance: "i-1", sessionKey: material.document.sessionKeys[0], documentSerial: 7 }
    relay.sessions = [{ ...session, address: "192.0.2.1" }]
    expect(await relayView(material, requestJson)).toEqual({ sessions: [session], document: undefined } as never)
    relay.sessions = [{ ...session, sessionKey: "no key" }]
    expect(await relayView(material, requestJson).catch((error: unknown) => error)).toMatchObject({
      _tag: "RelayRefused",
      cause: "AnswerMalformed",
    })
  })

  test("the relay's document is told, if this identity signed it", async () => {
    const material = await registered()
    relay.document = material.signedDocument
    expect((await relayView(material, requestJson)).document).toEqual(material.document)
    const other = await newCluster()
    for (const text of [other.signedDocument, `${material.signedDocument}x`, "nothing"]) {
      relay.document = text
      expect(await relayView(material, requestJson)).toEqual({ sessions: [], document: undefined })
    }
  })

  test("the document is published byte for byte", async () => {
    const material = await registered()
    await publishDocument(material, requestJson)
    expect(relay.documents.get("edge-1")).toBe(material.signedDocument)
  })

  test("a registration is ended, and ending it again is as good", async () => {
    const material = await registered()
    await deregister(material, requestJson)
    expect(await isRegistered(material, requestJson)).toBe(false)
    await deregister(material, requestJson)
  })

  test("nothing is done for another key", async () => {
    await registered()
    const other = await newCluster()
    const calls = [publishDocument, relayView].map((call) => call(other, requestJson).catch((error: unknown) => error))
    for (const error of await Promise.all(calls))
      expect(error).toMatchObject({ _tag: "RelayRefused", cause: "OperatorCallRefused", status: 403 })
  })

  test("something that is no relay is said to be none", async () => {
    const material = await newCluster()
    const nowhere = () => Promise.resolve({ status: 200, text: "<html>" })
    expect(await relayView(material, nowhere).catch((error: unknown) => error)).toMatchObject({
      _tag: "RelayRefused",
      cause: "HttpStatus",
      what: "a challenge",
    })
  })
})
