import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import type { IncomingMessage } from "node:http"
import { trustedRoots } from "../../platform/outbound.ts"
import type { Refusal } from "../../protocol/status.ts"
import { WindowBudget } from "../../protocol/stream/WindowBudget.ts"
import { EndToEndConnection } from "../connections/EndToEndConnection.ts"
import { RelayClient } from "../relay/RelayClient.ts"
import { FarEnd, jwt } from "../testing/FarEnd.ts"
import { answer, NearEnd } from "../testing/NearEnd.ts"
import { openWatch } from "../testing/openWatch.ts"

let far: FarEnd
let near: NearEnd
beforeEach(async () => {
  far = await FarEnd.start()
  near = await NearEnd.start(far)
  await near.get("/warm")
})
afterEach(async () => {
  await near.stop()
  await far.stop()
})

const noAgent: Refusal = {
  code: 503,
  hop: "agent",
  cause: "NoSession",
  message: "no agent of the cluster is connected",
}
const forbidden: Refusal = { code: 403, hop: "relay", cause: "CallerRevoked", message: "not for you" }

/** From now on no carrier opens, and those that are there are gone. */
const breakPath = (refusal: Refusal) => {
  far.refuses = () => refusal
  far.cutCarriers()
}

const hopOf = (body: string) => JSON.parse(body).details.causes[0].message

/** Resolves when the far end has the request. */
const arrived = (respond?: (req: IncomingMessage) => void) =>
  new Promise<IncomingMessage>((resolve) => {
    far.handle = (req) => {
      respond?.(req)
      resolve(req)
    }
  })

/** An honest failure comes within this time. */
const promisedMillis = 10_000

describe("a path that breaks", () => {
  test("between two requests gives a 503 that names the hop within 10 s, and heals without a restart", async () => {
    breakPath(noAgent)
    const began = performance.now()
    const got = await near.get("/api")
    expect(performance.now() - began).toBeLessThan(promisedMillis)
    expect([got.status, hopOf(got.body)]).toEqual([503, "agent"])
    const { message } = JSON.parse(got.body)
    expect(message).toBe(
      `clusterconnect agent: cluster ${far.cluster}: no agent of the cluster is connected; see: clusterconnect doctor ${far.cluster} --relay ${far.relayUrl}`,
    )
    expect(got.headers["retry-after"]).toBeUndefined()
    far.refuses = undefined
    expect((await near.get("/api")).status).toBe(200)
  }, 30_000)
  test("while a connection is being opened, with its stream there and its TLS not, names the hop that broke", async () => {
    far.serve = () => {}
    const relayToken = jwt({ aud: far.relayAudience })
    const { relayUrl, cluster, material } = far
    const relay = new RelayClient({
      relay: relayUrl,
      proxy: {},
      roots: () => trustedRoots(),
      relayToken: async () => relayToken,
    })
    const budget = new WindowBudget(1024 * 1024)
    const opening = EndToEndConnection.open({
      cluster,
      relay,
      roots: material.document.roots,
      budget,
      onEvent: ({ type }) => type === "attached" && breakPath(noAgent),
    })
    expect(await opening.catch((error: unknown) => error)).toMatchObject({ hop: "agent", cause: "NoSession" })
  }, 30_000)
  test("because the relay is gone gives a 503 that names the relay", async () => {
    await far.stop()
    const began = performance.now()
    const got = await near.get("/api")
    expect(performance.now() - began).toBeLessThan(promisedMillis)
    expect([got.status, hopOf(got.body)]).toEqual([503, "relay"])
    expect(got.body).toContain("cannot be reached")
  }, 30_000)
  test("because access was revoked gives a 403 at once", async () => {
    breakPath(forbidden)
    const began = performance.now()
    const got = await near.get("/api")
    expect(performance.now() - began).toBeLessThan(5_000)
    expect([got.status, hopOf(got.body)]).toEqual([403, "relay"])
  }, 30_000)
  test("under a POST gives 504, outcome unknown, within 10 s; it arrived once", async () => {
    const there = arrived()
    const posted = answer(near.request("POST", "/api/v1/pods", ["Content-Length", "2"]), "{}")
    await there
    const began = performance.now()
    breakPath(noAgent)
    const got = await posted
    expect(performance.now() - began).toBeLessThan(promisedMillis)
    expect(got.status).toBe(504)
    expect(got.body).toContain("Outcome unknown")
    expect(far.requests.filter(({ method }) => method === "POST").length).toBe(1)
  }, 30_000)
  test("under a GET gives 503 within 10 s", async () => {
    const there = arrived()
    const asked = near.get("/api/v1/pods")
    await there
    const began = performance.now()
    breakPath(noAgent)
    expect((await asked).status).toBe(503)
    expect(performance.now() - began).toBeLessThan(promisedMillis)
  }, 30_000)
  test("under a request and is whole again in time leaves the request its answer", async () => {
    let respond = () => {}
    far.handle = (_req, res) => {
      respond = () => res.end("late but right")
      far.cutCarriers()
    }
    const posted = answer(near.request("POST", "/api/v1/pods", ["Content-Length", "2"]), "{}")
    // The stream comes back by itself; only then the far end answers.
    while (far.streams.statistics().resumed === 0) await new Promise((resolve) => setImmediate(resolve))
    respond()
    expect((await posted).body).toBe("late but right")
    expect(far.requests.filter(({ method }) => method === "POST").length).toBe(1)
  }, 30_000)
  test("under a watch goes on with the watch on the same stream", async () => {
    const watch = await openWatch(near, far)
    expect(await watch.next()).toBe("first\n")
    far.cutCarriers()
    watch.write("second\n")
    expect(await watch.next()).toBe("second\n")
    watch.end()
  }, 30_000)
})

describe("a client that leaves", () => {
  test("ends its watch at the far end", async () => {
    const closed = Promise.withResolvers<void>()
    far.handle = (_req, res) => {
      res.on("close", () => closed.resolve())
      res.writeHead(200)
      res.write("event\n")
    }
    const request = near.request("GET", "/api/v1/pods?watch=true")
    request.on("error", () => {})
    request.end()
    const watch = await new Promise<IncomingMessage>((resolve) => request.once("response", resolve))
    await new Promise((resolve) => watch.once("data", resolve))
    request.destroy()
    await closed.promise
  })
  test("before any answer ends its request at the far end", async () => {
    const closed = Promise.withResolvers<void>()
    const there = arrived((req) => req.once("close", () => closed.resolve()))
    const request = near.request("GET", "/slow")
    request.on("error", () => {})
    request.end()
    await there
    request.destroy()
    await closed.promise
  })
})
