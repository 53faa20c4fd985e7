import { expect, test } from "bun:test"
import { Beginnings } from "./Beginnings.ts"

test("no copy begins while a program stands still, and it stands still only when those before have their first byte", async () => {
  const beginnings = new Beginnings()
  const happened: string[] = []
  const firstByte = await beginnings.begin("a copy")
  const stopped = Promise.withResolvers<void>()
  const held = beginnings.heldWhile(() => {
    happened.push("stopped")
    return stopped.promise
  })
  const next = beginnings.begin("a copy").then((begun) => {
    happened.push("next copy")
    begun()
  })
  happened.push("first byte")
  firstByte()
  // A turn of the event loop in which everything that is not held back happens.
  await new Promise((resolve) => setImmediate(resolve))
  happened.push("goes on")
  stopped.resolve()
  await Promise.all([held, next])
  expect(happened).toEqual(["first byte", "stopped", "goes on", "next copy"])
})

test("copies go on after work that failed", async () => {
  const beginnings = new Beginnings()
  const failed = beginnings.heldWhile(() => Promise.reject(new Error("it could not be stopped")))
  await failed.catch(() => {})
  const begun = await beginnings.begin("a copy")
  begun()
})

test("a copy that gets no first byte fails what waits for it, by its name", async () => {
  const beginnings = new Beginnings(1)
  await beginnings.begin("cp spdy, copy 3")
  const failure = await beginnings.heldWhile(async () => {}).catch((error) => error)
  expect(`${failure}`).toContain("no first byte after 1 ms: cp spdy, copy 3")
  const begun = await beginnings.begin("the next copy")
  begun()
})
