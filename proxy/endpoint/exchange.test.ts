import { describe, expect, test } from "bun:test"
import type { IncomingMessage } from "node:http"
import { endpointBench } from "../testing/endpointBench.ts"
import type { FarEnd } from "../testing/FarEnd.ts"
import { answer, type NearEnd } from "../testing/NearEnd.ts"

let far: FarEnd
let near: NearEnd
endpointBench((ownFar, ownNear) => {
  far = ownFar
  near = ownNear
})

describe("a request through the local endpoint", () => {
  test("reaches the cluster with the caller's token in place of the session credential", async () => {
    const { status, body } = await near.get("/api/v1/pods?limit=5", [
      "Accept",
      "a",
      "Accept",
      "b",
      "Impersonate-User",
      "eve",
    ])
    expect(status).toBe(200)
    const seen = JSON.parse(body)
    expect(seen.target).toBe("/api/v1/pods?limit=5")
    expect(seen.headers.filter((value: string) => value.startsWith("Bearer"))).toEqual([`Bearer ${near.clusterToken}`])
    expect(seen.headers.join("|")).toContain("Accept|a|Accept|b|Impersonate-User|eve")
  })
  test("costs no dial when it is not the first", async () => {
    await near.get("/warm")
    const before = far.relayCalls.length
    for (let count = 0; count < 20; count += 1) await near.get(`/later/${count}`)
    expect(far.relayCalls.length).toBe(before)
  })
  test("is one of fifty in parallel, each answered with its own answer", async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => near.get(`/n/${index}`)))
    expect(answers.map(({ body }) => JSON.parse(body).target)).toEqual(answers.map((_, index) => `/n/${index}`))
  })
  test("that the cluster answers before it is all sent gets its answer and then a closed connection", async () => {
    far.handle = (_req, res) => res.writeHead(413).end("too much")
    const upload = near.request("POST", "/big", ["Transfer-Encoding", "chunked"])
    upload.on("error", () => {})
    upload.write(Buffer.alloc(5_000_000))
    const response = await new Promise<IncomingMessage>((resolve) => upload.once("response", resolve))
    expect(response.statusCode).toBe(413)
    const closed = new Promise((resolve) => response.socket.once("end", resolve))
    response.resume()
    await closed
    upload.destroy()
    expect(near.link.pool.counts.busy).toBe(0)
  })
  test("carries its body and gets its answer's headers line by line", async () => {
    far.handle = (req, res) => {
      let length = 0
      req.on("data", (chunk) => {
        length += chunk.length
      })
      req.on("end", () => {
        res.writeHead(201, "Created", ["Warning", '299 - "a"', "Warning", '299 - "b"', "Content-Type", "x/y"] as never)
        res.end(String(length))
      })
    }
    for (const framing of [
      ["Transfer-Encoding", "chunked"],
      ["Content-Length", "3000000"],
    ]) {
      const got = await answer(near.request("POST", "/x", framing), Buffer.alloc(3_000_000))
      expect(got.status).toBe(201)
      expect(got.body).toBe("3000000")
      expect(got.rawHeaders.filter((value) => value.startsWith("299"))).toEqual(['299 - "a"', '299 - "b"'])
    }
  })
})
