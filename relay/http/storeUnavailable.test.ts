import { Database } from "bun:sqlite"
import { expect, test } from "bun:test"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeLog } from "../../platform/logs.ts"
import type { Access } from "../callers/Access.ts"
import { openStore } from "../store/Store.ts"
import { Front } from "./Front.ts"
import type { Route } from "./Route.ts"

test("a database that cannot be written is answered with 503 StoreUnavailable, and logged once per outage", async () => {
  const directory = mkdtempSync(join(tmpdir(), "clusterconnect-front-"))
  const file = join(directory, "relay.db")
  const store = openStore(file, { busyMillis: 1 })
  const other = new Database(file)
  let now = new Date(1_800_000_000_000)
  const log: string[] = []
  const audited: unknown[] = []
  const route: Route = {
    kind: "request",
    method: "GET",
    path: "/v1/change",
    operationId: "change",
    summary: "Changes something.",
    authentication: "none",
    answer: () => {
      store.callers.revoke("iss", "sub", now)
      return { status: 204 }
    },
  }
  const front = new Front({
    routes: [route],
    access: {} as Access,
    settings: () => ({ isTrustedProxy: () => false }) as never,
    log: makeLog({ program: "relay", write: (line) => void log.push(line) }),
    audit: (line) => void audited.push(line),
    auditUnidentified: (line) => void audited.push(line),
    now: () => now,
    onAuthenticated: () => {},
  })
  const server = createServer((request, response) => void front.request(request, response)).listen(0, "127.0.0.1")
  await once(server, "listening")
  const call = () => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/change`)
  try {
    other.run("BEGIN IMMEDIATE")
    for (let round = 0; round < 3; round++) {
      const answer = await call()
      expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining("StoreUnavailable")])
    }
    expect(audited).toHaveLength(3)
    expect(log).toHaveLength(1)
    expect(log[0]).toContain("database is locked")
    other.run("ROLLBACK")
    expect((await call()).status).toBe(204)
    now = new Date(now.getTime() + 3_600_000)
    other.run("BEGIN IMMEDIATE")
    expect((await call()).status).toBe(503)
    expect(log).toHaveLength(2)
  } finally {
    server.close()
    other.close()
    store.close()
    rmSync(directory, { recursive: true, force: true })
  }
})
