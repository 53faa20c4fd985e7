import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stringify } from "yaml"
import { type IssuerServer, startIssuerServer } from "../identity/testing/IssuerServer.ts"
import { privateCertificate } from "../identity/testing/privateCertificate.ts"
import { connectWebSocket, requestJson, trustedRoots } from "../platform/outbound.ts"
import { joinProof } from "../protocol/enrolment.ts"
import { jwkOf } from "../protocol/keys.ts"
import { newMaterial } from "../protocol/material.ts"
import { path, streamProtocol } from "../protocol/names.ts"
import { RelayProgram, runRelay } from "./testing/RelayProgram.ts"
import { TestAgent } from "./testing/TestAgent.ts"
import { publicUrl } from "./testing/TestRelay.ts"
import { closeOf } from "./testing/TestUser.ts"

let directory: string
let issuer: IssuerServer
let config: string
const programs: RelayProgram[] = []

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "clusterconnect-serve-"))
  config = join(directory, "relay.yaml")
  issuer = await startIssuerServer()
})
afterEach(async () => {
  for (const { child, ended } of programs.splice(0)) {
    child.kill("SIGKILL")
    await ended
  }
  await issuer.stop()
  rmSync(directory, { recursive: true, force: true })
})

const write = (changes: object = {}) => {
  writeFileSync(
    `${config}.new`,
    stringify({
      publicUrl,
      listen: "127.0.0.1:0",
      healthListen: "127.0.0.1:0",
      database: join(directory, "relay.db"),
      auditLog: join(directory, "audit.log"),
      issuers: [{ name: "main", issuer: { url: issuer.url, certificateAuthority: issuer.caPem }, allowLoopback: true }],
      policy: [{ issuer: "main", clusters: ["edge-*"], role: "connect" }],
      ...changes,
    }),
  )
  renameSync(`${config}.new`, config)
}
const start = () => {
  const program = new RelayProgram(config)
  programs.push(program)
  return program
}
const material = () =>
  newMaterial({ cluster: "edge-1", relayUrl: publicUrl, audiences: {}, rootDays: 1, leafDays: 1, now: new Date() })
const token = () => issuer.token({ aud: "clusterconnect:relay.example.com" })
const openStream = async (ws: string, agent: TestAgent) => {
  const user = connectWebSocket(ws + path.stream("edge-1"), {
    protocols: [streamProtocol],
    headers: { authorization: `Bearer ${token()}` },
  })
  const half = await agent.pickUp(await agent.dial())
  half.resume()
  return await user
}

describe("the relay's program", () => {
  test("enrols by a command's token, carries, obeys a revocation and a new policy within 5 s, and moves everybody on SIGTERM", async () => {
    write()
    const program = start()
    expect(await program.line(({ listener }) => listener === "public")).toMatchObject({ tls: false })
    const [port, health] = [await program.port("public"), await program.port("health")]
    const [http, ws] = [`http://127.0.0.1:${port}`, `ws://127.0.0.1:${port}`]
    const cluster = await material()
    const made = await runRelay(["token", "create", "edge-1", "--config", config])
    const joinToken = made.stdout.trim()
    expect([made.code, made.stderr]).toEqual([0, ""])
    const fields = { relayUrl: publicUrl, cluster: "edge-1", token: joinToken }
    const body = {
      cluster: "edge-1",
      token: joinToken,
      document: cluster.signedDocument,
      proof: joinProof(cluster.identityKey, fields),
    }
    expect((await requestJson(http + path.join, { method: "POST", body })).status).toBe(200)
    const agent = await TestAgent.open(ws, cluster)

    const revoked = closeOf(await openStream(ws, agent)).then((close) => ({ close, at: performance.now() }))
    await runRelay(["caller", "revoke", "--issuer", issuer.url, "--subject", "alice", "--config", config])
    // The promise is from the command to the cut; how long the command takes to start is the machine's affair.
    const commanded = performance.now()
    const { close, at } = await revoked
    expect(close).toEqual({ code: 4003, reason: "caller-revoked" })
    expect(at - commanded).toBeLessThan(5_000)
    await runRelay(["caller", "restore", "--issuer", issuer.url, "--subject", "alice", "--config", config])

    const unadmitted = closeOf(await openStream(ws, agent))
    write({ policy: [{ issuer: "main", claims: { groups: ["ops"] }, clusters: ["*"], role: "connect" }] })
    expect(await unadmitted).toEqual({ code: 4003, reason: "access-revoked" })
    write({ policy: [{ issuer: "nobody", clusters: ["*"], role: "connect" }] })
    await program.line(({ message }) => String(message).startsWith("configuration refused"))
    write()
    await program.line(() => program.lines.filter(({ message }) => message === "configuration reloaded").length >= 2)

    const metrics = await (await fetch(`http://127.0.0.1:${health}/metrics`)).text()
    expect(metrics).toContain("clusterconnect_relay_control_sessions 1")
    expect((await fetch(`http://127.0.0.1:${health}/readyz`)).status).toBe(200)

    const moved = closeOf(await openStream(ws, agent))
    program.child.kill("SIGTERM")
    expect((await moved).code).toBe(4001)
    expect(await agent.closed).toEqual({ code: 4001, reason: "relay-draining" })
    expect(await program.ended).toBe(0)

    const audit = readFileSync(join(directory, "audit.log"), "utf8")
    const lines = audit
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines.filter(({ event, outcome }) => event === "stream" && outcome === "moved")).toMatchObject([
      { issuer: issuer.url, subject: "alice", cluster: "edge-1", from: "127.0.0.1", bytesToCluster: 0 },
    ])
    expect(lines.filter(({ action }) => action === "caller-revoked")).toHaveLength(1)
    for (const secret of [joinToken, token().slice(-20), agent.secret]) {
      expect(audit).not.toContain(secret)
      expect(JSON.stringify(program.lines)).not.toContain(secret)
    }
    expect(statSync(join(directory, "audit.log")).mode & 0o777).toBe(0o600)
  }, 60_000)

  test("serves TLS with its certificate files", async () => {
    const { caPem, certificatePem, keyPem } = await privateCertificate(["127.0.0.1"])
    writeFileSync(join(directory, "tls.crt"), certificatePem)
    writeFileSync(join(directory, "tls.key"), keyPem, { mode: 0o600 })
    write({ tls: { certFile: join(directory, "tls.crt"), keyFile: join(directory, "tls.key") } })
    const program = start()
    const port = await program.port("public")
    expect(await program.line(({ listener }) => listener === "public")).toMatchObject({ tls: true })
    const ca = trustedRoots({ pem: [caPem] })
    expect((await requestJson(`https://127.0.0.1:${port}/livez`, { ca })).status).toBe(200)
    expect(
      (
        await requestJson(`https://127.0.0.1:${port}/v1/clusters`, {
          ca,
          headers: { authorization: `Bearer ${token()}` },
        })
      ).status,
    ).toBe(200)
    program.child.kill("SIGHUP")
    await program.line(({ message }) => message === "certificate in use")
  })

  test("administers the database while it is stopped, and a listed registration file is enough after its loss", async () => {
    const cluster = await material()
    write()
    const key = JSON.stringify(jwkOf(cluster.document.identityKey))
    expect((await runRelay(["cluster", "add-key", "edge-1", key, "--config", config])).code).toBe(0)
    const listed = await runRelay(["cluster", "export", "--config", config])
    const file = join(directory, "clusters.json")
    writeFileSync(file, listed.stdout)
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(directory, `relay.db${suffix}`), { force: true })
    write({ clustersFile: file })
    const program = start()
    const agent = await TestAgent.open(`ws://127.0.0.1:${await program.port("public")}`, cluster)
    expect(agent.secret).not.toBe("")
    const shown = JSON.parse((await runRelay(["cluster", "show", "edge-1", "--config", config])).stdout)
    expect(shown).toMatchObject({ name: "edge-1", registered: true, serial: cluster.document.serial })
  }, 60_000)

  test("says what is wrong with its configuration or its arguments, and ends", async () => {
    write({ polcy: [], listen: "nowhere" })
    const bad = await runRelay(["serve", "--config", config])
    expect(bad.code).toBe(1)
    for (const part of ["polcy: unknown key; accepted here: ", "listen: ", "HOST:PORT"])
      expect(bad.stderr).toContain(part)
    write({ policy: [{ issuer: "typo", clusters: ["*"], role: "connect" }] })
    expect((await runRelay(["serve", "--config", config])).stderr).toContain(
      "expected the name or issuer.url of one of: main",
    )
    write()
    const refused = await runRelay(["token", "create", "Not_A_Name", "--config", config])
    expect([refused.code, refused.stdout]).toEqual([2, ""])
    expect((await runRelay(["caller", "revoke", "--config", config])).code).toBe(2)
  }, 60_000)
})
