import { afterAll, beforeAll, expect, test } from "bun:test"
import { once } from "node:events"
import { Effect } from "effect"
import { type AuthProxyBench, request, startBench } from "./testing/AuthProxyBench.ts"

let bench: AuthProxyBench
beforeAll(async () => {
  bench = await startBench()
})
afterAll(() => bench.stop())

const streams = async () => ((await Effect.runPromise(bench.authProxy.status)) as { streams: unknown }).streams
const headers = ["Content-Length: 8"]

test("a connection that closes behind an answer stays until the client has closed it: the answer may not have left before", async () => {
  const closing = await bench.connect()
  // Refused before its body came, so that the connection cannot be kept.
  closing.write(request("POST /api/v1/namespaces/d/configmaps", { headers }))
  expect((await closing.answer()).head).toMatch(/^connection: close$/im)
  closing.write("12345678")
  await closing.ended
  const other = await bench.connect()
  other.write(request("POST /api/v1/namespaces/d/configmaps", { headers, body: "12345678" }))
  expect((await other.answer()).status).toBe(401)
  expect(await streams()).toMatchObject({ streams: 2 })
  other.leave()
  closing.socket.end()
  await once(closing.socket, "close")
})

test("what a client sends behind an answer that closes its connection reaches nobody, though the connection is still there", async () => {
  const closing = await bench.connect()
  const later = (name: string) =>
    request(`POST /api/v1/${name}`, { token: bench.token(), headers: ["Content-Length: 0"] })
  closing.write(request("POST /api/v1/namespaces/d/configmaps", { headers }))
  await closing.answer()
  closing.write("12345678")
  closing.write(later("second"))
  await closing.ended
  closing.write(later("third"))
  const other = await bench.connect()
  other.write(later("other"))
  await other.answer()
  expect(bench.upstream.heads.map((head) => head.split(" ")[1])).toEqual(["/api/v1/other"])
})
