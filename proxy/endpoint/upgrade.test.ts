import { describe, expect, test } from "bun:test"
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { endpointBench } from "../testing/endpointBench.ts"
import type { FarEnd } from "../testing/FarEnd.ts"
import { credential, type NearEnd } from "../testing/NearEnd.ts"

let far: FarEnd
let near: NearEnd
endpointBench((ownFar, ownNear) => {
  far = ownFar
  near = ownNear
})

const head = (...lines: string[]) =>
  `${["POST /api/v1/namespaces/a/pods/b/exec HTTP/1.1", `Host: ${near.host}`, "Connection: Upgrade", "Upgrade: SPDY/3.1", ...lines].join("\r\n")}\r\n\r\n`
const authorized = `Authorization: Bearer ${credential}`

/** Everything that arrives until `until` is in it, or until the end. */
const received = (socket: TLSSocket, until?: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ""
    const settle = () => {
      socket.off("data", onData).off("end", settle)
      resolve(text)
    }
    const onData = (chunk: Buffer) => {
      text += chunk.toString("latin1")
      if (until !== undefined && text.includes(until)) settle()
    }
    socket.on("data", onData).on("end", settle).on("error", reject)
  })

const switching = (socket: Socket, extra = "") =>
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n${extra}`)

describe("an upgrade", () => {
  test("joins both sides byte for byte after a 101, with what came ahead, and half-closes each way", async () => {
    const farSaw = Promise.withResolvers<string>()
    far.handleUpgrade = (_req, socket, ahead) => {
      let text = ahead.toString()
      switching(socket, "hello ")
      socket.on("data", (chunk) => {
        text += chunk
      })
      socket.on("end", () => {
        farSaw.resolve(text)
        socket.end("after your end")
      })
    }
    const socket = near.dial()
    socket.write(`${head(authorized)}early `)
    expect(await received(socket, "hello ")).toContain("101 Switching Protocols")
    const rest = received(socket)
    socket.end("late")
    expect(await farSaw.promise).toBe("early late")
    expect(await rest).toBe("after your end")
    socket.destroy()
  })
  test("carries 20 MB each way unchanged", async () => {
    far.handleUpgrade = (_req, socket) => {
      switching(socket)
      socket.pipe(socket)
    }
    const socket = near.dial()
    socket.write(head(authorized))
    await received(socket, "\r\n\r\n")
    const sent = Buffer.alloc(20_000_000, "0123456789abcdefg")
    const chunks: Buffer[] = []
    const whole = new Promise<Buffer>((resolve) => {
      socket.on("data", (chunk: Buffer) => chunks.push(chunk))
      socket.on("end", () => resolve(Buffer.concat(chunks)))
    })
    socket.end(sent)
    const got = await whole
    expect(got.length).toBe(sent.length)
    expect(got.equals(sent)).toBe(true)
    socket.destroy()
  })
  test("is not taken for one when the far end refuses: the answer passes and what came ahead never gets there", async () => {
    for (const [status, framing] of [
      ["403 Forbidden", "Content-Length: 4\r\nX-A: 1\r\nX-A: 2\r\n\r\nnope"],
      ["200 OK", "Transfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n"],
      ["302 Found", "Location: /x\r\nContent-Length: 4\r\n\r\nnope"],
    ]) {
      const after = Promise.withResolvers<string>()
      far.handleUpgrade = (_req, socket, ahead) => {
        let text = ahead.toString()
        socket.on("data", (chunk) => {
          text += chunk
        })
        socket.on("error", () => {})
        socket.on("close", () => after.resolve(text))
        socket.write(`HTTP/1.1 ${status}\r\n${framing}`)
      }
      const socket = near.dial()
      socket.write(`${head(authorized)}GET /smuggled HTTP/1.1\r\n\r\n`)
      const text = await received(socket)
      expect(text).toStartWith(`HTTP/1.1 ${status}`)
      expect(text).toContain("nope")
      expect(text).not.toContain("101")
      expect(await after.promise).toBe("")
      socket.destroy()
    }
  })
  test("to another protocol than the one asked for is refused with 502", async () => {
    far.handleUpgrade = (_req, socket) =>
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    const socket = near.dial()
    socket.write(head(authorized))
    const text = await received(socket)
    expect(text).toStartWith("HTTP/1.1 502")
    expect(text).toContain("UpgradeMismatch")
    socket.destroy()
  })
  test("without the session credential is refused with 401 and reaches nobody", async () => {
    const before = far.requests.length
    const socket = near.dial()
    socket.write(head())
    const text = await received(socket)
    expect(text).toStartWith("HTTP/1.1 401")
    expect(far.requests.length).toBe(before)
    socket.destroy()
  })
  test("by a WebSocket client may show the credential as a subprotocol, which goes no further", async () => {
    far.handleUpgrade = (_req, socket) => socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    const bearer = `base64url.bearer.authorization.k8s.io.${Buffer.from(credential).toString("base64url")}`
    const socket = near.dial()
    socket.write(
      head(`Sec-WebSocket-Protocol: v5.channel.k8s.io, ${bearer}`, "Sec-WebSocket-Protocol: v4.channel.k8s.io"),
    )
    expect(await received(socket)).toStartWith("HTTP/1.1 403")
    const seen = far.requests.at(-1)?.rawHeaders.join("|") ?? ""
    expect(seen).toContain("Sec-WebSocket-Protocol|v5.channel.k8s.io|Sec-WebSocket-Protocol|v4.channel.k8s.io")
    expect(seen).not.toContain("base64url.bearer")
    expect(seen).toContain(`Authorization|Bearer ${near.clusterToken}`)
    socket.destroy()
  })
  test("whose client leaves ends the far connection", async () => {
    const gone = Promise.withResolvers<void>()
    far.handleUpgrade = (_req, socket) => {
      socket.on("error", () => {})
      socket.on("end", () => gone.resolve())
      socket.resume()
      switching(socket)
    }
    const socket = near.dial()
    socket.write(head(authorized))
    await received(socket, "\r\n\r\n")
    socket.destroy()
    await gone.promise
  })
})
