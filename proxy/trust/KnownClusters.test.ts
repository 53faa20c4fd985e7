import { afterEach, beforeEach, expect, test } from "bun:test"
import { existsSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
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
test("former identities add up with their successors, whatever pin comes next, and none of them takes the place of one that came after it", async () => {
  const remember = (now: string, former?: string, pinned = true) =>
    known.remember(relay, "a", {
      ...{ pin: pin(now), serial: 1, audiences: [] },
      ...(former === undefined ? {} : { predecessor: { pin: pin(former), pinned } }),
    })
  await remember("2", "1")
  await remember("2")
  await remember("3", "2", false)
  const line = {
    retired: {
      [pin("1")]: { successor: pin("2"), pinned: true },
      [pin("2")]: { successor: pin("3"), pinned: true },
    },
  }
  expect(await known.find(relay, "a")).toMatchObject(line)
  await remember("9")
  expect(await known.find(relay, "a")).toMatchObject({ pin: pin("9"), ...line })
  // As by a program that read the memory before the succession was seen.
  for (const retired of ["1", "2"])
    await expect(remember(retired)).rejects.toMatchObject({ cause: "IdentityRetired", hop: "relay" })
  expect((await known.find(relay, "a"))?.pin).toBe(pin("9"))
  await known.remember("https://other.example", "a", { pin: pin("1"), serial: 1, audiences: [] })
})
test("a made-up predecessor takes no place that one needs which was pinned or remembered here, or is known already", async () => {
  const remember = (now: string, former: string, pinned: boolean) =>
    known.remember(relay, "a", {
      ...{ pin: pin(now), serial: 1, audiences: [], predecessor: { pin: pin(former), pinned } },
    })
  const retired = async () => (await known.find(relay, "a"))?.retired ?? {}
  const madeUp = ["1", "2", "3", "4", "5", "6", "7", "8"]
  for (const made of [...madeUp, "9"]) await remember("a", made, false)
  expect(await retired()).toEqual(
    Object.fromEntries(madeUp.map((made) => [pin(made), { successor: pin("a"), pinned: false }])),
  )
  await remember("b", "a", false)
  await remember("b", "c", true)
  expect(await retired()).toMatchObject({
    [pin("a")]: { successor: pin("b"), pinned: true },
    [pin("c")]: { successor: pin("b"), pinned: true },
  })
  await remember("d", "1", false)
  expect(await retired()).toMatchObject({
    [pin("1")]: { successor: pin("d"), pinned: false },
    [pin("2")]: { successor: pin("a"), pinned: false },
    [pin("a")]: { successor: pin("b"), pinned: true },
  })
})
test("a predecessor that turns out to have been pinned here gives its place back", async () => {
  const remember = (former: string, pinned: boolean) =>
    known.remember(relay, "a", { pin: pin("a"), serial: 1, audiences: [], predecessor: { pin: pin(former), pinned } })
  for (const made of ["1", "2", "3", "4", "5", "6", "7", "8"]) await remember(made, false)
  await remember("1", true)
  await remember("9", false)
  const { retired = {} } = (await known.find(relay, "a")) ?? {}
  expect([retired[pin("1")]?.pinned, retired[pin("9")]?.pinned]).toEqual([true, false])
})
test("the file never becomes larger than what is read again: then it is an error that names it, and stays as it is", async () => {
  const document = (name: string) => ({ pin: pin("1"), serial: 1, audiences: [`${name}${"x".repeat(1024 * 1024)}`] })
  for (const cluster of ["a", "b", "c"]) await known.remember(relay, cluster, document(cluster))
  const before = readFileSync(known.path, "utf8")
  const refused = await known.remember(relay, "d", document("d")).catch((error: Error) => error)
  expect(refused).toBeInstanceOf(LocalFailure)
  for (const said of [known.path, `"${relay} d"`]) expect((refused as Error).message).toContain(said)
  expect(readFileSync(known.path, "utf8")).toBe(before)
  await known.remember(relay, "a", { ...document("a"), predecessor: { pin: pin("2"), pinned: true } })
  expect((await known.find(relay, "a"))?.retired).toEqual({ [pin("2")]: { successor: pin("1"), pinned: true } })
})
test("what another process learns is seen at the next question; until then nothing is read again", async () => {
  await known.remember(relay, "a", { pin: pin("1"), serial: 1, audiences: ["x"] })
  const first = await known.audiences(relay)
  expect(await known.audiences(relay)).toBe(first)
  await new KnownClusters(known.path).remember(relay, "b", { pin: pin("2"), serial: 1, audiences: ["y"] })
  expect((await known.audiences(relay)).get("b")).toEqual(["y"])
  expect((await known.find(relay, "b"))?.pin).toBe(pin("2"))
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
  const retired = { x: { successor: pin("1"), pinned: true } }
  const unknownIdentity = { version: 1, clusters: { a: { pin: pin("1"), serial: 1, audiences: [], retired } } }
  const damaged = ["", "{", '{"version":2,"clusters":{}}', '{"version":1,"clusters":{"a":{"pin":"x"}}}']
  for (const text of [...damaged, JSON.stringify(unknownIdentity)]) {
    writeFileSync(known.path, text)
    await expect(known.find(relay, "a")).rejects.toThrow(LocalFailure)
    await expect(known.remember(relay, "a", { pin: pin("1"), serial: 5, audiences: [] })).rejects.toThrow(known.path)
    expect(readFileSync(known.path, "utf8")).toBe(text)
  }
  expect(existsSync(known.path)).toBe(true)
})

test("a given pin decides, then a remembered one, then the flag, then a person, then nobody", () => {
  const none = { given: undefined, remembered: undefined, retired: {}, interactive: false, acceptNewPin: false }
  expect(pinDecision({ ...none, given: pin("1"), remembered: pin("2"), acceptNewPin: true })).toEqual({ use: pin("1") })
  expect(pinDecision({ ...none, remembered: pin("2"), acceptNewPin: true, interactive: true })).toEqual({
    use: pin("2"),
  })
  expect(pinDecision({ ...none, acceptNewPin: true, interactive: true })).toEqual({ otherwise: "accept" })
  expect(pinDecision({ ...none, interactive: true })).toEqual({ otherwise: "ask" })
  expect(pinDecision(none)).toEqual({ otherwise: "refuse" })
})
test("a given pin stands for the end of its own line, whichever identity is remembered: a successor, not a stranger", () => {
  const signed = (...pairs: readonly (readonly [string, string])[]) =>
    Object.fromEntries(pairs.map(([from, to]) => [pin(from), { successor: pin(to) }]))
  const lines = signed(["1", "2"], ["2", "3"], ["8", "9"])
  const use = (given: string, remembered: string, retired = lines) => {
    const situation = { given: pin(given), remembered: pin(remembered), retired }
    return pinDecision({ ...situation, interactive: true, acceptNewPin: true })
  }
  for (const remembered of ["3", "9", "7"]) {
    for (const given of ["1", "2"]) expect(use(given, remembered)).toEqual({ use: pin("3") })
    expect(use("3", remembered)).toEqual({ use: pin("3") })
    expect(use("8", remembered)).toEqual({ use: pin("9") })
  }
  expect(use("1", "9", {})).toEqual({ use: pin("1") })
  expect(use("1", "9", signed(["1", "2"], ["2", "1"]))).toEqual({ use: pin("2") })
})

test("of two programs that follow one identity to two successors at the same moment, the second is refused", async () => {
  const follow = (successor: string) =>
    known.remember(relay, "a", {
      pin: pin(successor),
      serial: 1,
      audiences: [],
      predecessor: { pin: pin("1"), pinned: true },
    })
  await follow("2")
  await expect(follow("3")).rejects.toMatchObject({ cause: "IdentityRetired", hop: "relay" })
  expect(await known.find(relay, "a")).toMatchObject({
    pin: pin("2"),
    retired: { [pin("1")]: { successor: pin("2") } },
  })
  await follow("2")
})
test("while the file cannot be read, audiences are those that were read last, and no pin is believed", async () => {
  await known.remember(relay, "a", { pin: pin("1"), serial: 1, audiences: ["x"] })
  const before = await known.audiences(relay)
  const whole = readFileSync(known.path, "utf8")
  writeFileSync(known.path, whole.slice(0, 20))
  expect(await known.audiences(relay)).toBe(before)
  await expect(known.find(relay, "a")).rejects.toBeInstanceOf(LocalFailure)
  await expect(new KnownClusters(known.path).audiences(relay)).rejects.toBeInstanceOf(LocalFailure)
  writeFileSync(known.path, whole)
  expect(await known.find(relay, "a")).toMatchObject({ pin: pin("1") })
})
test("while the file is away, as an editor moves it, audiences are those that were read last, and no cluster is known", async () => {
  expect(await known.audiences(relay)).toBe(await known.audiences(relay))
  await known.remember(relay, "a", { pin: pin("1"), serial: 1, audiences: ["x"] })
  const before = await known.audiences(relay)
  renameSync(known.path, `${known.path}~`)
  expect(await known.find(relay, "a")).toBeUndefined()
  expect(await known.names(relay)).toEqual([])
  expect(await known.audiences(relay)).toBe(before)
  renameSync(`${known.path}~`, known.path)
  expect((await known.find(relay, "a"))?.pin).toBe(pin("1"))
  rmSync(known.path)
  await known.remember(relay, "b", { pin: pin("2"), serial: 1, audiences: ["y"] })
  expect(await known.audiences(relay)).toEqual(new Map([["b", ["y"]]]))
})
test("a path that leads nowhere is an error of its own", async () => {
  symlinkSync("loop", join(directory, "loop"))
  await expect(new KnownClusters(join(directory, "loop", "file")).find(relay, "a")).rejects.toBeInstanceOf(LocalFailure)
})
test("an edit that keeps size and time of the file is seen", async () => {
  await known.remember(relay, "a", { pin: pin("1"), serial: 1, audiences: [] })
  const whole = new Date(1_700_000_000_000)
  utimesSync(known.path, whole, whole)
  await known.find(relay, "a")
  const changed = () => statSync(known.path, { bigint: true }).ctimeNs
  const before = changed()
  // As later as the file system's clock can tell.
  do {
    writeFileSync(known.path, readFileSync(known.path, "utf8").replaceAll(pin("1"), pin("2")))
    utimesSync(known.path, whole, whole)
  } while (changed() === before)
  expect((await known.find(relay, "a"))?.pin).toBe(pin("2"))
})
