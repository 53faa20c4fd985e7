import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { once } from "node:events"
import net from "node:net"
import { Effect, Fiber } from "effect"
import { type FetchOptions, fetchDocument, maximumDocumentBytes } from "./fetchDocument.ts"
import { connectDirectly } from "./issuerConnection.ts"
import {
  type Answer,
  certifiedName,
  discoveryPath,
  type IssuerServer,
  startIssuerServer,
} from "./testing/IssuerServer.ts"
import { privateCertificate } from "./testing/privateCertificate.ts"

let issuer: IssuerServer
beforeAll(async () => {
  issuer = await startIssuerServer()
})
afterEach(() => {
  issuer.answers.clear()
})
afterAll(() => issuer.stop())

const options = (changes: Partial<FetchOptions> = {}): FetchOptions => ({
  connect: connectDirectly,
  certificateAuthority: issuer.caPem,
  allowLoopback: true,
  timeoutMillis: 5_000,
  ...changes,
})
const get = (url: string, changes?: Partial<FetchOptions>) => fetchDocument(new URL(url), options(changes))
const failureOf = async (url: string, changes?: Partial<FetchOptions>) =>
  (await Effect.runPromise(Effect.flip(get(url, changes))))._tag
const failureOfAnswer = (answer: Answer, changes?: Partial<FetchOptions>) => {
  issuer.answers.set("/x", answer)
  return failureOf(`${issuer.url}/x`, changes)
}
/** Resolves when the socket is closed, also after an error (where `once` would reject). */
const closed = (socket: net.Socket) =>
  new Promise<void>((resolve) => {
    if (socket.closed) resolve()
    else socket.once("close", () => resolve())
  })
/** Resolves once the server has no connection any more. */
const allClosed = () => Promise.all([...issuer.sockets].map(closed))

test("a JSON object is returned", async () => {
  expect(await Effect.runPromise(get(`${issuer.url}${discoveryPath}`))).toMatchObject({ issuer: issuer.url })
})

test("path and query arrive as configured", async () => {
  issuer.answers.set("/keys?tenant=a%20b", (_, response) => response.end('{"yes":1}'))
  expect(await Effect.runPromise(get(`${issuer.url}/keys?tenant=a%20b`))).toEqual({ yes: 1 })
})

describe("an answer is refused", () => {
  for (const status of [301, 302, 303, 307, 308])
    test(`that redirects with ${status}, and the target is never asked`, async () => {
      const before = issuer.hits.get("/target") ?? 0
      const answer: Answer = (_, response) => response.writeHead(status, { location: `${issuer.url}/target` }).end("{}")
      expect(await failureOfAnswer(answer)).toBe("IssuerRedirected")
      expect(issuer.hits.get("/target") ?? 0).toBe(before)
    })
  for (const status of [201, 204, 400, 404, 500, 503])
    test(`with status ${status}`, async () => {
      const answer: Answer = (_, response) => response.writeHead(status).end(status === 204 ? undefined : "{}")
      expect(await failureOfAnswer(answer)).toBe("IssuerStatusUnexpected")
    })
  test("that announces more than is allowed", async () => {
    const answer: Answer = (_, response) => {
      response.writeHead(200, { "content-length": maximumDocumentBytes + 1 }).write("{")
    }
    expect(await failureOfAnswer(answer)).toBe("IssuerAnswerTooLarge")
    await allClosed()
  })
  test("that never ends, after the allowed size", async () => {
    const answer: Answer = (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(" ".repeat(16_384)));
      }
      response.on("drain", more)
      response.writeHead(200)
      more()
    }
    expect(await failureOfAnswer(answer)).toBe("IssuerAnswerTooLarge")
    await allClosed()
  })
  for (const body of ["", "nonsense", "[]", "null", '"text"', '{"a":1}{', '{"a":1,"a":2}', "\u{feff}{}", "<html>"])
    test(`with the body ${JSON.stringify(body)}`, async () => {
      expect(await failureOfAnswer((_, response) => response.end(body))).toBe("IssuerAnswerMalformed")
    })
  test("that is not UTF-8", async () => {
    const answer: Answer = (_, response) => response.end(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))
    expect(await failureOfAnswer(answer)).toBe("IssuerAnswerMalformed")
  })
  test("that is cut off", async () => {
    const answer: Answer = (_, response) => {
      response.writeHead(200, { "content-length": 100 }).write('{"a":1}', () => response.socket?.destroy())
    }
    expect(["IssuerAnswerCut", "IssuerUnreachable"]).toContain(await failureOfAnswer(answer))
  })
  test("that does not begin in time", async () => {
    expect(await failureOfAnswer(() => undefined, { timeoutMillis: 100 })).toBe("IssuerTimeout")
    await allClosed()
  })
  test("that does not end in time although bytes keep coming", async () => {
    const answer: Answer = (_, response) => {
      response.writeHead(200).write("{")
      const drip = () => void (response.destroyed || response.write(" ", () => setImmediate(drip)))
      drip()
    }
    const found = await failureOfAnswer(answer, { timeoutMillis: 100 })
    // A fast machine reaches the allowed size first.
    expect(["IssuerTimeout", "IssuerAnswerTooLarge"]).toContain(found)
    await allClosed()
  })
})

describe("a server is refused", () => {
  test("whose certificate comes from another authority", async () => {
    const { caPem } = await privateCertificate(["127.0.0.1"])
    expect(await failureOf(issuer.url, { certificateAuthority: caPem })).toBe("IssuerCertificateRefused")
  })
  test("whose certificate the system's roots do not cover", async () => {
    expect(await failureOf(issuer.url, { certificateAuthority: undefined })).toBe("IssuerCertificateRefused")
  })
  test("whose certificate is for another name, even with NODE_TLS_REJECT_UNAUTHORIZED=0", async () => {
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0"
    try {
      expect(await failureOf(issuer.url.replace("127.0.0.1", "localhost"))).toBe("IssuerCertificateRefused")
    } finally {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
    }
  })
  test("that is not there", async () => {
    const gone = await startIssuerServer()
    await gone.stop()
    expect(await failureOf(gone.url)).toBe("IssuerUnreachable")
  })
  test("that accepts a connection and says nothing to the TLS hello", async () => {
    const mute = net.createServer()
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve))
    const accepted = once(mute, "connection")
    const url = `https://127.0.0.1:${(mute.address() as net.AddressInfo).port}/`
    expect(await failureOf(url, { timeoutMillis: 100 })).toBe("IssuerTimeout")
    const [socket] = (await accepted) as [net.Socket]
    socket.on("error", () => undefined).resume()
    await closed(socket)
    await new Promise((resolve) => mute.close(resolve))
  })
})

describe("loopback and link-local addresses", () => {
  for (const host of [
    "127.0.0.1",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "169.254.169.254",
    "0.0.0.0",
    "a.localhost",
  ])
    test(`are refused in a URL: ${host}`, async () => {
      let dialled = 0
      const connect: FetchOptions["connect"] = async (target) => {
        dialled += 1
        return connectDirectly(target)
      }
      expect(await failureOf(`https://${host}:1/`, { allowLoopback: false, connect })).toBe("IssuerAddressRefused")
      expect(dialled).toBe(0)
    })
  test("are refused when a name leads there, before a byte is sent", async () => {
    const received: Buffer[] = []
    const server = net.createServer((socket) => socket.on("data", (chunk) => received.push(chunk)))
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as net.AddressInfo
    const accepted = once(server, "connection")
    const connect: FetchOptions["connect"] = ({ signal }) => connectDirectly({ host: "127.0.0.1", port, signal })
    const found = await failureOf("https://idp.example.com/", { allowLoopback: false, connect })
    expect(found).toBe("IssuerAddressRefused")
    const [socket] = (await accepted) as [net.Socket]
    await closed(socket)
    expect(received).toEqual([])
    await new Promise((resolve) => server.close(resolve))
  })
  test("are not looked for on the connection to an HTTP proxy", async () => {
    const { port } = new URL(issuer.url)
    const connect: FetchOptions["connect"] = async ({ signal }) => ({
      ...(await connectDirectly({ host: "127.0.0.1", port: Number(port), signal })),
      viaProxy: true,
    })
    const document = await Effect.runPromise(
      get(`https://${certifiedName}${discoveryPath}`, { allowLoopback: false, connect }),
    )
    expect(document).toMatchObject({ issuer: issuer.url })
  })
})

test("a way out that fails is told as unreachable, and one that is too slow is given up and its late socket closed", async () => {
  expect(await failureOf(issuer.url, { connect: () => Promise.reject(new Error("the proxy says 407")) })).toBe(
    "IssuerUnreachable",
  )
  const { port } = new URL(issuer.url)
  const late = Promise.withResolvers<void>()
  const connected = Promise.withResolvers<net.Socket>()
  const connect: FetchOptions["connect"] = async () => {
    await late.promise
    const way = await connectDirectly({ host: "127.0.0.1", port: Number(port), signal: new AbortController().signal })
    connected.resolve(way.socket)
    return way
  }
  expect(await failureOf(issuer.url, { connect, timeoutMillis: 20 })).toBe("IssuerTimeout")
  const asked = issuer.hits.get("/")
  late.resolve()
  await closed(await connected.promise)
  await allClosed()
  expect(issuer.hits.get("/")).toBe(asked!)
})

test("an interrupted fetch closes its connection", async () => {
  const asked = Promise.withResolvers<void>()
  issuer.answers.set("/x", () => asked.resolve())
  const fiber = Effect.runFork(get(`${issuer.url}/x`))
  await asked.promise
  await Effect.runPromise(Fiber.interrupt(fiber))
  await allClosed()
  expect(issuer.sockets.size).toBe(0)
})
