import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Either, Schema } from "effect"
import type { TokenVerifierService } from "../../identity/TokenVerifier.ts"
import { makeLog } from "../../platform/logs.ts"
import type { AuditLine } from "../audit/AuditLog.ts"
import { RelayConfiguration } from "../configuration/RelayConfiguration.ts"
import { Relay } from "../Relay.ts"
import { settingsOf } from "../Settings.ts"
import { ManualTime } from "../testing/ManualTime.ts"
import { publicUrl } from "../testing/TestRelay.ts"
import { openStore, type Store } from "./Store.ts"

let directory: string
let store: Store
let lines: AuditLine[]
let taken: number
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "clusterconnect-actions-"))
  store = openStore(join(directory, "relay.db"))
  lines = []
  taken = Number.POSITIVE_INFINITY
})
afterEach(() => {
  store.close()
  rmSync(directory, { recursive: true, force: true })
})

const startedRelay = () => {
  const configuration = Schema.decodeUnknownSync(RelayConfiguration)({
    publicUrl,
    listen: "127.0.0.1:0",
    database: "unused",
  })
  const settings = Either.getOrThrow(settingsOf(configuration, [], "test"))
  return new Relay({
    publicUrl,
    replica: "relay-0",
    store,
    audit: {
      write: () => {},
      writeNow: (line) => lines.length < taken && lines.push(line) > 0,
      failure: () => undefined,
      reopen: () => {},
      close: () => {},
    },
    log: makeLog({ program: "relay", write: () => {} }),
    settings: () => settings,
    verifier: () => expect.unreachable("nobody shows a token") as TokenVerifierService,
    time: new ManualTime(),
    onAuthenticated: () => {},
  })
}
const act = (from: number, to: number) => {
  for (let number = from; number <= to; number++) store.actions.add({ number })
}
const numbers = () => lines.map(({ number }) => number)
/** What `told` was called with; between `breakIt` and `repair` it fails. */
const watchTold = () => {
  const calls: number[] = []
  const original = store.actions.told
  let broken = false
  Reflect.set(store.actions, "told", (id: number) => {
    calls.push(id)
    if (broken) throw new Error("database or disk is full")
    original(id)
  })
  const set = (to: boolean) => {
    broken = to
  }
  return { calls, breakIt: () => set(true), repair: () => set(false) }
}

describe("administrative lines", () => {
  test("that cannot be taken off the list are told once, and so is what comes after them", () => {
    const told = watchTold()
    const relay = startedRelay()
    told.breakIt()
    act(1, 2)
    relay.settingsChanged()
    relay.poll()
    act(3, 3)
    relay.poll()
    expect(numbers()).toEqual([1, 2, 3])
    told.repair()
    relay.poll()
    expect([numbers(), store.actions.pending()]).toEqual([[1, 2, 3], []])
  })

  test("are taken off the list a batch at a time, and only those that the log took", () => {
    const relay = startedRelay()
    const { calls } = watchTold()
    act(1, 600)
    taken = 550
    relay.settingsChanged()
    expect(calls).toEqual([500, 550])
    expect(store.actions.pending().map(({ id }) => id)).toEqual(Array.from({ length: 50 }, (_, index) => 551 + index))
    relay.settingsChanged()
    expect(calls).toEqual([500, 550])
    taken = 600
    relay.settingsChanged()
    expect([calls, lines.length]).toEqual([[500, 550, 600], 600])
  })

  test("that a locked database keeps on the list do not keep a relay from starting", () => {
    const told = watchTold()
    told.breakIt()
    act(1, 1)
    const relay = startedRelay()
    told.repair()
    relay.poll()
    expect([numbers(), store.actions.pending()]).toEqual([[1], []])
  })
})
