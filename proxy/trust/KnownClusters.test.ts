import { afterEach, beforeEach, expect, test } from "bun:test"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { LocalFailure } from "../failures.ts"
import { KnownClusters } from "./KnownClusters.ts"
import { pinDecision } from "./pinDecision.ts"

let directory: string
let known: KnownClusters
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "clusterconnect-known-"))
  known = new KnownClusters(join(directory, "sub", "known-clusters.json"))
})
afterEach(() => rm(directory, { recursive: true }))

const pin = (digit: string) => `sha256:${digit.repeat(64)}` as const
const relay = "https://relay.example"

test("what is remembered is found by relay and cluster, in a private file", async () => {
  expect(await known.find(relay, "a")).toBeUndefined()
  await known.remember(relay, "a", { pin: pin("1"), serial: 5, audiences: ["x"] })
  expect(await known.find(relay, "a")).toEqual({ pin: pin("1"), serial: 5, audiences: ["x"] })
  expect(await known.find("https://other.example", "a")).toBeUndefined()
  expect(await known.find(relay, "b")).toBeUndefined()
  expect(statSync(known.path).mode & 0o777).toBe(0o600)
  expect(statSync(join(directory, "sub")).mode & 0o777).toBe(0o700)
})
test("the serial never falls and audiences add up; another pin starts the serial anew", async () => {
  await known.remember(relay, "a", { pin: pin("1"), serial: 5, audiences: ["x"] })
  await known.remember(relay, "a", { pin: pin("1"), serial: 3, audiences: ["y"] })
  expect(await known.find(relay, "a")).toEqual({ pin: pin("1"), serial: 5, audiences: ["y", "x"] })
  await known.remember(relay, "a", { pin: pin("2"), serial: 1, audiences: [] })
  expect(await known.find(relay, "a")).toEqual({ pin: pin("2"), serial: 1, audiences: ["y", "x"] })
})
test("twenty writers at once lose nothing", async () => {
  const names = Array.from({ length: 20 }, (_, index) => `c${index}`)
  await Promise.all(
    names.map((name) =>
      new KnownClusters(known.path).remember(relay, name, { pin: pin("1"), serial: 1, audiences: [name] }),
    ),
  )
  expect([...(await known.audiences(relay))].sort()).toEqual([...names].sort())
  expect(await known.audiences("https://relay.exam")).toEqual([])
})
test("a damaged file is an error that names it, and stays as it is", async () => {
  await known.remember(relay, "a", { pin: pin("1"), serial: 5, audiences: [] })
  for (const text of ["", "{", '{"version":2,"clusters":{}}', '{"version":1,"clusters":{"a":{"pin":"x"}}}']) {
    writeFileSync(known.path, text)
    await expect(known.find(relay, "a")).rejects.toThrow(LocalFailure)
    await expect(known.remember(relay, "a", { pin: pin("1"), serial: 5, audiences: [] })).rejects.toThrow(known.path)
    expect(readFileSync(known.path, "utf8")).toBe(text)
  }
  expect(existsSync(known.path)).toBe(true)
})

test("a given pin decides, then a remembered one, then the flag, then a person, then nobody", () => {
  const none = { given: undefined, remembered: undefined, interactive: false, acceptNewPin: false }
  expect(pinDecision({ ...none, given: pin("1"), remembered: pin("2"), acceptNewPin: true })).toEqual({
    use: pin("1"),
    because: "given",
  })
  expect(pinDecision({ ...none, remembered: pin("2"), acceptNewPin: true, interactive: true })).toEqual({
    use: pin("2"),
    because: "remembered",
  })
  expect(pinDecision({ ...none, acceptNewPin: true, interactive: true })).toEqual({ otherwise: "accept" })
  expect(pinDecision({ ...none, interactive: true })).toEqual({ otherwise: "ask" })
  expect(pinDecision(none)).toEqual({ otherwise: "refuse" })
})
