import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { readFile, writeFile } from "node:fs/promises"
import http from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { jwkOf } from "../../protocol/keys.ts"
import { newMaterial } from "../../protocol/material.ts"
import { FarEnd } from "../../proxy/testing/FarEnd.ts"
import { Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"
import { startTestRelay, type TestRelay } from "../../relay/testing/TestRelay.ts"

let relay: TestRelay
let far: FarEnd
let home: Home
beforeEach(async () => {
  relay = await startTestRelay({
    policy: [
      { issuer: "main", claims: { groups: ["users"] }, clusters: ["*"], role: "connect" },
      { issuer: "main", claims: { groups: ["admins"] }, clusters: ["*"], role: "admin" },
    ],
  })
  far = await FarEnd.start()
  home = await Home.for(far)
  await as("admins")
})
afterEach(async () => {
  await relay[Symbol.asyncDispose]()
  await far.stop()
  await home[Symbol.asyncDispose]()
})
const as = (group: string) => writeFile(home.relayTokenFile, relay.token({ groups: [group], sub: group }))
const clusters = async (...args: string[]) => {
  const [command = "", ...rest] = args
  const token = ["--relay-token-file", home.relayTokenFile, "--relay-audience", "clusterconnect:relay.example.com"]
  const at = rest.includes("--relay") ? [] : ["--relay", relay.http]
  const program = new ProxyProcess(home, ["clusters", command, ...at, ...token, ...rest])
  return { code: await program.exited, out: program.stdout, err: program.stderr }
}

test("clusters are listed with whether their agent is connected, for a person and for a program", async () => {
  await relay.cluster("edge-1")
  await as("users")
  expect((await clusters("list")).out).toBe("NAME     AGENT\nedge-1   not connected\n")
  expect(JSON.parse((await clusters("list", "--output", "json")).out)).toEqual([
    { clusterName: "edge-1", agentSessions: 0 },
  ])
})

test("a new cluster gets a join token: it alone is on standard output, the next steps are beside it", async () => {
  const { code, out, err } = await clusters("create", "edge-2")
  expect([code, err]).toEqual([0, expect.stringContaining("clusterconnect-agent init --cluster edge-2")])
  expect(relay.store.tokens.all()).toHaveLength(1)
  expect(out.trim()).not.toContain(" ")
  expect(err).not.toContain(out.trim())
  expect((await clusters("token", "--replace", "edge-2")).code).toBe(0)
  const made = JSON.parse((await clusters("create", "edge-4", "--output", "json")).out)
  expect(made).toEqual({
    cluster: "edge-4",
    token: expect.any(String),
    expiresAt: expect.any(String),
    relay: relay.http,
  })
})

test.each(["create", "token"])("%s refuses a life that no join token has, with exit code 2", async (command) => {
  for (const seconds of ["0", "9999"]) {
    const { code, out, err } = await clusters(command, "edge-2", "--expires-in-seconds", seconds)
    expect([code, out]).toEqual([2, ""])
    expect(err).toContain("--expires-in-seconds: expected 1 to 1800")
  }
  expect(relay.store.tokens.all()).toEqual([])
})

test("a public key is listed instead, and nothing secret exists", async () => {
  const { document } = await relay.cluster("edge-3", false)
  const key = join(home.path, "key.json")
  await writeFile(key, JSON.stringify(jwkOf(document.identityKey)))
  expect((await clusters("create", "--key", key, "edge-3")).code).toBe(0)
  expect(relay.store.clusters.listedKeys("edge-3")).toEqual([document.identityKey])
  expect(relay.store.tokens.all()).toEqual([])
})

test("revoke and restore, export and import", async () => {
  await relay.cluster("edge-1")
  expect((await clusters("revoke", "edge-1")).code).toBe(0)
  expect(relay.store.clusters.isRevoked("edge-1")).toBe(true)
  expect((await clusters("revoke", "--restore", "edge-1")).code).toBe(0)
  expect(relay.store.clusters.isRevoked("edge-1")).toBe(false)
  const file = join(home.path, "registrations.json")
  expect((await clusters("export", file)).code).toBe(0)
  expect(JSON.parse(await readFile(file, "utf8")).clusters).toMatchObject([{ name: "edge-1" }])
  expect((await clusters("import", file)).err).toContain("0 added, 0 updated, 1 unchanged")
  const imported = { added: [], updated: [], unchanged: ["edge-1"], refused: [], withoutDocument: [] }
  expect(JSON.parse((await clusters("import", file, "--output", "json")).out)).toEqual(imported)
})

test("an import says which documents stayed behind, and ends with exit code 1 when a registration is refused", async () => {
  await relay.cluster("edge-1")
  const file = join(home.path, "moved.json")
  const bring = async (name: string) => {
    const about = { cluster: name, audiences: {}, rootDays: 1, leafDays: 1, now: new Date() }
    const { document, signedDocument } = await newMaterial({ ...about, relayUrl: "https://old.example.com" })
    const entry = { name, identityKey: jwkOf(document.identityKey), document: signedDocument }
    await writeFile(file, JSON.stringify({ clusters: [entry] }))
    return await clusters("import", file)
  }
  const moved = await bring("edge-2")
  expect([moved.code, moved.err]).toEqual([
    0,
    expect.stringMatching(
      /^1 added, .*\nedge-2: added without its document: .* for relay https:\/\/old\.example\.com, .*\n$/,
    ),
  ])
  const refused = await bring("edge-1")
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("edge-1: refused: ")])
})

test("a caller without the role is refused with exit code 4, a token that is not accepted with 3", async () => {
  await as("users")
  expect((await clusters("create", "edge-2")).code).toBe(4)
  await writeFile(
    home.relayTokenFile,
    relay.issuer.token({ aud: "clusterconnect:relay.example.com", iss: "https://x" }),
  )
  expect((await clusters("list")).code).toBe(3)
})

describe("a relay that lies", () => {
  const hostile = "\u001b]0;evil\u0007\u009b2J\u202e"
  let answer: unknown
  let url: string
  let server: http.Server
  beforeEach(async () => {
    server = http.createServer((_req, res) => {
      res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer))
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  /** What a terminal would obey, line ends apart. */
  const obeyed = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u

  test("in a form that is not a relay's is refused, and nothing of it gets to the terminal", async () => {
    const registrations = join(home.path, "registrations.json")
    await writeFile(registrations, "{}")
    for (const [lie, ...args] of [
      [{ clusters: [{ clusterName: `edge${hostile}`, agentSessions: 1 }] }, "list"],
      [{ clusters: [{ clusterName: "edge", agentSessions: hostile }] }, "list", "--output", "json"],
      [{ clusters: hostile }, "list"],
      [{ token: `a${hostile}`, expiresAt: "2026-01-01T00:00:00Z" }, "token", "edge-1"],
      [{ token: "two words", expiresAt: "2026-01-01T00:00:00Z" }, "create", "edge-1"],
      [{ added: 1 }, "import", registrations],
    ] as const) {
      answer = lie
      const { code, out, err } = await clusters(...args, "--relay", url)
      expect([code, out]).toEqual([5, ""])
      expect(err).not.toMatch(obeyed)
    }
  })
  test("in text that it may choose only shows it", async () => {
    answer = { token: "cc-token", expiresAt: `soon${hostile}\nclusterconnect: all is well` }
    const token = await clusters("token", "edge-1", "--relay", url)
    expect([token.code, token.out]).toEqual([0, "cc-token\n"])
    expect(token.err).toMatch(/^Good once, until soon[^\n]* all is well\n$/)
    expect(token.err).not.toMatch(obeyed)
    answer = { clusters: [{ name: hostile }] }
    const exported = await clusters("export", "--relay", url)
    expect(JSON.parse(exported.out)).toEqual(answer)
    expect(exported.out).not.toMatch(obeyed)
  })
})
