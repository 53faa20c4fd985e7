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
test("former identities add up, whatever pin comes next, and none of them takes the place of one that came after it", async () => {
  const remember = (now: string, former: readonly string[] = []) =>
    known.remember(relay, "a", {
      ...{ pin: pin(now), serial: 1, audiences: [] },
      ...(former.length === 0 ? {} : { formerPins: former.map(pin) }),
    })
  const former = async () => (await known.find(relay, "a"))?.formerPins
  await remember("2", ["1"])
  await remember("2")
  await remember("3", ["2"])
  expect(await former()).toEqual([pin("2"), pin("1")])
  await remember("9")
  expect(await former()).toEqual([pin("2"), pin("1")])
  // As by a program that read the memory before the succession was seen.
  for (const retired of ["1", "2"])
    await expect(remember(retired)).rejects.toMatchObject({ cause: "IdentityRetired", hop: "relay" })
  expect((await known.find(relay, "a"))?.pin).toBe(pin("9"))
  await known.remember("https://other.example", "a", { pin: pin("1"), serial: 1, audiences: [] })
})
test("an audience is the cluster's that named it first at its relay: a later document takes it from nobody", async () => {
  const document = (audiences: readonly string[]) => ({ pin: pin("1"), serial: 1, audiences })
  await known.remember(relay, "a", document(["x"]))
  await known.remember(relay, "b", document(["x", "y"]))
  await known.remember(relay, "a", document(["x", "y", "z"]))
  await known.remember("https://other.example", "a", document(["y"]))
  expect(await known.audiences(relay)).toEqual(
    new Map([
      ["a", ["x", "z"]],
      ["b", ["y"]],
    ]),
  )
})
test("twenty writers at once lose nothing", async () => {
  const names = Array.from({ length: 20 }, (_, index) => `c${index}`)
  await Promise.all(
    names.map((name) =>
      new KnownClusters(known.path).remember(relay, name, { pin: pin("1"), serial: 1, audiences: [name] }),
    ),
  )
  expect(await known.audiences(relay)).toEqual(new Map(names.map((name) => [name, [name]])))
  expect(await known.audiences("https://relay.exam")).toEqual(new Map())
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
  const none = { given: undefined, remembered: undefined, retired: [], interactive: false, acceptNewPin: false }
  expect(pinDecision({ ...none, given: pin("1"), remembered: pin("2"), acceptNewPin: true })).toEqual({
    use: pin("1"),
    because: "given",
  })
  // The remembered identity took over from the given one, by a signature that was seen: going back would be the thief's way.
  expect(pinDecision({ ...none, given: pin("1"), remembered: pin("2"), retired: [pin("1")] })).toEqual({
    use: pin("2"),
    because: "remembered",
  })
  expect(pinDecision({ ...none, remembered: pin("2"), acceptNewPin: true, interactive: true })).toEqual({
    use: pin("2"),
    because: "remembered",
  })
  expect(pinDecision({ ...none, acceptNewPin: true, interactive: true })).toEqual({ otherwise: "accept" })
  expect(pinDecision({ ...none, interactive: true })).toEqual({ otherwise: "ask" })
  expect(pinDecision(none)).toEqual({ otherwise: "refuse" })
})
