/** What a local client gets for what is no request, or too large a one. */
import { afterEach, beforeEach, expect, test } from "bun:test"
import { once } from "node:events"
import { FarEnd } from "../testing/FarEnd.ts"
import { credential, NearEnd } from "../testing/NearEnd.ts"

let far: FarEnd
let near: NearEnd
beforeEach(async () => {
  far = await FarEnd.start()
  near = await NearEnd.start(far)
})
afterEach(async () => {
  await near.stop()
  await far.stop()
})

const head = (...lines: readonly string[]) =>
  ["GET /api HTTP/1.1", `Host: ${near.host}`, `Authorization: Bearer ${credential}`, ...lines, "", ""].join("\r\n")

/** Everything that comes until the endpoint has closed. */
const answerTo = async (text: string) => {
  const socket = near.dial().on("error", () => {})
  let received = ""
  socket.on("data", (chunk: Buffer) => {
    received += chunk
  })
  const ended = once(socket, "end")
  socket.write(text)
  await ended
  socket.end()
  return received
}

test.each([
  ["a head beyond 64 KiB", () => head(`X-Large: ${"x".repeat(66_000)}`), "HeadTooLarge"],
  ["a head far beyond it", () => head(`X-Large: ${"x".repeat(1_000_000)}`), "HeadTooLarge"],
  ["what is no HTTP", () => "\u0016\u0003 no request\r\n\r\n", "MalformedRequest"],
])("%s is 400 with a Status that names the proxy and the cause, and closed", async (_, text, cause) => {
  const received = await answerTo(text())
  expect(received).toStartWith("HTTP/1.1 400 Bad Request\r\n")
  const status = JSON.parse(received.slice(received.indexOf("\r\n\r\n") + 4))
  expect(status.details.causes).toEqual([
    { reason: "ClusterConnectHop", message: "proxy" },
    { reason: "ClusterConnectCause", message: cause },
  ])
  expect(far.requests).toEqual([])
})

test("while an answer is under way, what is no request cuts the connection and never stands in the answer", async () => {
  const begun = Promise.withResolvers<string>()
  far.handle = (_request, response) => {
    response.write("half")
    begun.resolve("no request\r\n\r\n")
  }
  const socket = near.dial().on("error", () => {})
  let received = ""
  const closed = new Promise((resolve) => socket.once("close", resolve).once("end", resolve))
  socket.write(head())
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    received += chunk
    if (received.includes("half")) break
  }
  socket.on("data", (chunk: Buffer) => {
    received += chunk
  })
  socket.write(await begun.promise)
  await closed
  socket.end()
  expect(received.match(/HTTP\/1\.1 200 /g)).toHaveLength(1)
  expect(received).not.toContain("HTTP/1.1 400")
  expect(received).not.toContain("0\r\n\r\n")
})
