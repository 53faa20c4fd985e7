import { describe, expect, test } from "bun:test"
import { endpointBench } from "../testing/endpointBench.ts"
import type { FarEnd } from "../testing/FarEnd.ts"
import { answer, type NearEnd } from "../testing/NearEnd.ts"

let far: FarEnd
let near: NearEnd
endpointBench((ownFar, ownNear) => {
  far = ownFar
  near = ownNear
})

/** Lets the far end write these bytes on the bare connection and end it, cleanly as far as TLS and TCP can tell. */
const writes = (bytes: string, how: "end" | "destroy") => {
  far.handle = (req) => {
    const { socket } = req
    if (how === "end") socket.end(bytes)
    else socket.write(bytes, () => socket.destroy())
  }
}

const body = '{"kind":"PodList","items":[]}'
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
const answers = {
  "with a length": `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  "in chunks": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(body.slice(0, 10))}${chunk(body.slice(10))}0\r\n\r\n`,
}

describe("an answer that is cut", () => {
  for (const [name, whole] of Object.entries(answers))
    for (const how of ["end", "destroy"] as const)
      test(`${name} by ${how} is a success only when all of its bytes have come`, async () => {
        for (let length = 0; length < whole.length; length += 1) {
          writes(whole.slice(0, length), how)
          const got = await answer(near.request("PATCH", `/cut/${length}`), "x").catch(() => undefined)
          // Either cut before the client, or an honest Status; never the list.
          if (got !== undefined) expect([length, got.status]).toEqual([length, 504])
        }
        writes(whole, "end")
        expect((await answer(near.request("PATCH", "/whole"), "x")).body).toBe(body)
      })
  test("that only the end of the connection delimits is an error", async () => {
    writes(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n${body}`, "end")
    const got = await near.get("/close-delimited")
    expect(got.status).toBe(502)
    expect(got.body).toContain("AnswerWithoutEnd")
  })
})

describe("an upload that is cut", () => {
  test("never gets its last chunk at the far end", async () => {
    const seen = Promise.withResolvers<string>()
    far.handle = (req) => {
      req.on("end", () => seen.resolve("end"))
      req.on("error", () => {})
      req.on("close", () => seen.resolve(req.complete ? "end" : "cut"))
      req.once("data", () => upload.destroy())
    }
    const upload = near.request("POST", "/apply", ["Transfer-Encoding", "chunked"])
    upload.on("error", () => {})
    upload.write("half of it")
    expect(await seen.promise).toBe("cut")
  })
})

describe("a connection that ends under a request", () => {
  test("lets a GET run a second time, once", async () => {
    let count = 0
    far.handle = (req, res) => {
      count += 1
      if (count === 1) req.socket.destroy()
      else res.end(req.url)
    }
    expect((await near.get("/again")).body).toBe("/again")
    expect(count).toBe(2)
    far.handle = (req) => {
      count += 1
      req.socket.destroy()
    }
    count = 0
    const got = await near.get("/never")
    expect([got.status, count]).toEqual([503, 2])
  })
  test("never lets anything else run twice: the outcome is unknown, and no Retry-After makes a client try", async () => {
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      let count = 0
      far.handle = (req) => {
        count += 1
        req.socket.destroy()
      }
      const got = await answer(near.request(method, "/once"))
      expect([method, got.status, count]).toEqual([method, 504, 1])
      expect(got.headers["retry-after"]).toBeUndefined()
      expect(JSON.parse(got.body).message).toContain("Outcome unknown")
    }
  })
})
