import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import * as http from "node:http"
import * as net from "node:net"
import { event, listen, rawExchange, turns } from "./sockets.ts"

/** Rule: nothing that carries API-server traffic uses Bun.serve or fetch; it is node:http on both sides. */
describe("why API-server traffic goes through node:http", () => {
  test("Bun.serve withholds the response head until the first body byte, so a quiet watch would hang", async () => {
    let body: ReadableStreamDefaultController<Uint8Array> | undefined
    let answered = () => {}
    const began = new Promise<void>((resolve) => {
      answered = resolve
    })
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        if (new URL(request.url).pathname === "/barrier") return new Response("barrier")
        answered()
        return new Response(
          new ReadableStream<Uint8Array>({
            start(controller) {
              body = controller
            },
          }),
        )
      },
    })
    const socket = net.connect(server.port as number, "127.0.0.1")
    let text = ""
    socket.on("data", (chunk) => {
      text += chunk.toString()
    })
    socket.write("GET /quiet HTTP/1.1\r\nHost: a\r\n\r\n")
    await began
    // Twenty whole exchanges on the same server: a head that was on its way would have arrived.
    for (let round = 0; round < 20; round++)
      await rawExchange(server.port as number, "GET /barrier HTTP/1.1\r\nHost: a\r\n\r\n", "barrier")
    // The status line may come, the headers do not: no client can begin with such an answer.
    expect(text).not.toContain("\r\n\r\n")
    expect(text.toLowerCase()).not.toContain("date:")
    const first = event(socket, "data")
    body?.enqueue(new TextEncoder().encode("first"))
    await first
    expect(text).toContain("\r\n\r\n")
    socket.destroy()
    await server.stop(true)
  })

  test("node:http sends it with flushHeaders(), before any body", async () => {
    const server = http.createServer((_request, response) => response.writeHead(200).flushHeaders())
    const port = await listen(server)
    expect(await rawExchange(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n")).toStartWith("HTTP/1.1 200")
    server.closeAllConnections()
    server.close()
  })
})

/** Rule: impersonation headers are written by node:http; each group is a line of its own (security.md section 2). */
describe("repeated headers", () => {
  let server: http.Server
  let port: number
  let seen: string[] = []
  beforeAll(async () => {
    server = http.createServer((request, response) => {
      seen = request.rawHeaders.filter(
        (_, index, all) => index % 2 === 1 && /^impersonate-group$/i.test(all[index - 1] ?? ""),
      )
      response.end()
    })
    port = await listen(server)
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  test("are joined into one line by fetch, so two groups would become one group", async () => {
    const headers: [string, string][] = [
      ["Impersonate-Group", "a"],
      ["Impersonate-Group", "b"],
    ]
    await (await fetch(`http://127.0.0.1:${port}/`, { headers })).text()
    expect(seen).toEqual(["a, b"])
  })

  test("stay separate lines with node:http, commas and all", async () => {
    const request = http.request({ port, host: "127.0.0.1", headers: { "Impersonate-Group": ["a,b", "c"] } })
    request.end()
    const answer = (await event(request, "response")) as http.IncomingMessage
    answer.resume()
    await event(answer, "end")
    expect(seen).toEqual(["a,b", "c"])
  })

  test("in UTF-8 throw unless their bytes are given as latin1", () => {
    const request = http.request({ port, host: "127.0.0.1" }).on("error", () => {})
    expect(() => request.setHeader("Impersonate-User", "żółw")).toThrow()
    expect(() => request.setHeader("Impersonate-User", Buffer.from("żółw", "utf8").toString("latin1"))).not.toThrow()
    for (const end of ["\r", "\n", "\0"]) expect(() => request.setHeader("Impersonate-User", `a${end}b`)).toThrow()
    request.destroy()
  })
})

/** Rule: requests go on connections that we made: `createConnection` with `agent` left undefined. */
describe("http.request's createConnection", () => {
  const asked = async (options: http.RequestOptions) => {
    const [dialled, given] = [
      http.createServer((_, response) => response.end("dialled")),
      http.createServer((_, response) => response.end("given")),
    ]
    const [port, other] = [await listen(dialled), await listen(given)]
    const request = http.request({
      port,
      host: "127.0.0.1",
      ...options,
      createConnection: () => net.connect(other, "127.0.0.1"),
    })
    request.end()
    const answer = (await event(request, "response")) as http.IncomingMessage
    const text = String(await event(answer, "data"))
    for (const server of [dialled, given]) server.close().closeAllConnections()
    return text
  }

  test("is used when agent is undefined", async () => expect(await asked({})).toBe("given"))
  test("is ignored with agent: false, which dials the host", async () =>
    expect(await asked({ agent: false })).toBe("dialled"))
})

/** Rule: the program counts its sockets itself and destroys them when it closes (platform's HttpFront). */
test("server.close() and closeAllConnections() leave upgraded sockets open", async () => {
  const server = http.createServer()
  server.on("upgrade", (_request, socket) =>
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
  )
  const port = await listen(server)
  const socket = net.connect(port, "127.0.0.1")
  const upgraded = new Promise<net.Socket>((resolve) =>
    server.once("upgrade", (_request, socket) => resolve(socket as net.Socket)),
  )
  socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
  await event(socket, "data")
  const held = await upgraded
  server.close()
  server.closeAllConnections()
  await turns(50)
  expect(held.destroyed).toBe(false)
  const echoed = event(socket, "data")
  held.write("alive")
  expect(String(await echoed)).toBe("alive")
  socket.destroy()
  held.destroy()
})
