import { afterEach, beforeEach, expect, test } from "bun:test"
import type { ServerStream } from "../../protocol/stream/StreamServer.ts"
import { FarEnd } from "../testing/FarEnd.ts"
import { NearEnd } from "../testing/NearEnd.ts"

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

test("a link that is closed while a connection is being opened leaves no stream at the auth proxy", async () => {
  const accepted = Promise.withResolvers<ServerStream>()
  // An auth proxy that has accepted the stream and is slow with its TLS.
  far.serve = (stream) => accepted.resolve(stream)
  const asked = near.get("/api").catch(() => {})
  await accepted.promise
  await near.link.close()
  expect(far.streams.streams).toBe(0)
  await asked
  expect(near.logged.filter((line) => line.includes('"level":"warn"'))).toEqual([])
  expect(near.link.path()).toEqual({ state: "idle" })
})
