import { expect, test } from "bun:test"
import { endpointBench } from "../testing/endpointBench.ts"
import type { FarEnd } from "../testing/FarEnd.ts"
import type { NearEnd } from "../testing/NearEnd.ts"

let far: FarEnd
let near: NearEnd
endpointBench((ownFar, ownNear) => {
  far = ownFar
  near = ownNear
})

test("every answer says how long each hop took: this program, the path, the auth proxy and the API server", async () => {
  far.handle = (_req, res) => {
    res.setHeader("Server-Timing", ["cc-auth-proxy;dur=1.5, cc-api-server;dur=2.5", "apiserver;dur=1"])
    res.end("{}")
  }
  const { rawHeaders } = await near.get("/api")
  const lines = rawHeaders.flatMap((name, index) =>
    name.toLowerCase() === "server-timing" ? [rawHeaders[index + 1] ?? ""] : [],
  )
  expect(lines).toHaveLength(3)
  expect(lines.slice(0, 2)).toEqual(["cc-auth-proxy;dur=1.5, cc-api-server;dur=2.5", "apiserver;dur=1"])
  expect(lines[2]).toMatch(/^cc-proxy;dur=\d+\.\d(, cc-path;dur=\d+\.\d)?$/)
})

test("nobody beyond can speak for this program", async () => {
  far.handle = (_req, res) => {
    res.setHeader("Server-Timing", ["cc-proxy;dur=0.1, cc-path;dur=0.1"])
    res.end("{}")
  }
  expect((await near.get("/api")).headers["server-timing"]).not.toContain("cc-proxy;dur=0.1, cc-path;dur=0.1")
})

test("a failure says how long it took too", async () => {
  far.refuses = () => ({ code: 503, hop: "agent", cause: "gone", message: "gone" })
  for (const carrier of far.carriers) carrier.terminate()
  const { status, headers } = await near.get("/api")
  far.refuses = undefined
  expect(status).toBe(503)
  expect(headers["server-timing"]).toMatch(/^cc-proxy;dur=\d+\.\d$/)
})
