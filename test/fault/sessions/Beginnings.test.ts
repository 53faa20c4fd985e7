import { expect, test } from "bun:test"
import { Beginnings } from "./Beginnings.ts"

test("no copy begins while a program stands still, and it stands still only when those before have their first byte", async () => {
  const beginnings = new Beginnings()
  const happened: string[] = []
  const firstByte = await beginnings.begin()
  const stopped = Promise.withResolvers<void>()
  const held = beginnings.heldWhile(() => {
    happened.push("stopped")
    return stopped.promise
  })
  const next = beginnings.begin().then((begun) => {
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
  const begun = await beginnings.begin()
  begun()
})
