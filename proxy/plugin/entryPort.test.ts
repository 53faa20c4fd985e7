import { expect, test } from "bun:test"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { ControlServer } from "../control/ControlServer.ts"
import type { ProxyStatus } from "../control/controlMessages.ts"
import { runningFolder } from "../control/controlPlace.ts"
import { entryHash } from "./entry.ts"
import { entryPort } from "./entryPort.ts"

const flags = { clusters: ["edge-1"], relay: "https://relay.example" } as unknown as GivenFlags
const rules = { idleSeconds: 60, variables: {} }

test("an entry's port is its settings' and its installation's own; one that is taken is kept only while its own proxy has it", async () => {
  const state = await mkdtemp(join(tmpdir(), "clusterconnect-port-"))
  const places = { configuration: state, state }
  const port = await entryPort(flags, rules, "PEM", places)
  expect(await entryPort(flags, rules, "PEM", places)).toBe(port)
  const others = await Promise.all([
    entryPort(flags, rules, "another user's PEM", places),
    entryPort({ ...flags, profile: "other" }, rules, "PEM", places),
  ])
  expect(others).not.toEqual([port, port])
  const taken = net.createServer()
  await new Promise<void>((resolve) => taken.listen(port, "127.0.0.1", resolve))
  const status = { pid: 7, version: "1", phase: "serving", background: true, startedAt: "a", relay: "r" } as const
  const serve = (entry: string) => {
    const all: ProxyStatus = { ...status, entry, clusters: [] }
    const answers = { status: () => all, credential: () => undefined, stop: () => {} }
    return ControlServer.listen(runningFolder(places), answers, entry)
  }
  const another = await serve(entryHash({ ...flags, profile: "other" }, { ...rules, port }))
  expect(await entryPort(flags, rules, "PEM", places)).not.toBe(port)
  const own = await serve(entryHash(flags, { ...rules, port }))
  expect(await entryPort(flags, rules, "PEM", places)).toBe(port)
  await Promise.all([another.close(), own.close(), new Promise((resolve) => taken.close(resolve))])
  await rm(state, { recursive: true })
})

test("no two entries of an installation get one port, however many there are at once; one that was chosen is nobody else's", async () => {
  const state = await mkdtemp(join(tmpdir(), "clusterconnect-port-"))
  const places = { configuration: state, state }
  const clusters = Array.from({ length: 40 }, (_, index) => `edge-${index}`)
  const given = (port?: number) =>
    Promise.all(clusters.map((one) => entryPort({ ...flags, clusters: [one], port }, rules, "PEM", places)))
  const ports = await given()
  expect(new Set(ports).size).toBe(clusters.length)
  expect(await given()).toEqual(ports)
  const [first = 0] = ports
  await writeFile(join(state, "entry-ports.json"), "damaged")
  expect(await entryPort({ ...flags, clusters: ["mine"], port: first }, rules, "PEM", places)).toBe(first)
  expect(await entryPort({ ...flags, clusters: ["edge-0"] }, rules, "PEM", places)).not.toBe(first)
  await rm(state, { recursive: true })
})
