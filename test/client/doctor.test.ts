import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { FarEnd, jwt } from "../../proxy/testing/FarEnd.ts"
import { Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"
import { KnownClusters } from "../../proxy/trust/KnownClusters.ts"

let far: FarEnd
let home: Home
beforeEach(async () => {
  far = await FarEnd.start()
  home = await Home.for(far)
  far.handle = (req, res) => {
    const who = { username: "oidc:alice", groups: ["oidc:developers", "system:authenticated"] }
    res.writeHead(req.url?.includes("selfsubjectreviews") ? 201 : 200, {
      "content-type": "application/json",
      "Server-Timing": "cc-auth-proxy;dur=1.5, cc-api-server;dur=7.5",
    })
    res.end(JSON.stringify({ kind: "SelfSubjectReview", status: { userInfo: who } }))
  }
})
afterEach(async () => {
  await far.stop()
  await home[Symbol.asyncDispose]()
})

const memory = () => new KnownClusters(join(home.configuration, "known-clusters.json"))

interface Report {
  readonly checks: readonly {
    readonly check: string
    readonly verdict: string
    readonly detail: string
    readonly remedy?: string
  }[]
  readonly latencyMillis: readonly { readonly path: number; readonly authProxy: number; readonly apiServer: number }[]
}
const doctor = async (more: readonly string[] = [], pin: string = far.material.pin) => {
  const options = ["--relay", far.relayUrl, "--token-file", home.tokenFile, "--relay-token-file", home.relayTokenFile]
  const program = new ProxyProcess(home, ["doctor", ...options, "--pin", pin, "--output", "json", ...more, far.cluster])
  const code = await program.exited
  expect(program.stdout).toStartWith("{")
  const report = JSON.parse(program.stdout) as Report
  const problems = report.checks.filter(({ verdict }) => verdict === "problem")
  for (const { remedy } of problems) expect(remedy).toBeString()
  return { code, report, problems: problems.map(({ check }) => check), program }
}
const detail = ({ checks }: Report, name: string) => checks.find(({ check }) => check === name)?.detail

describe("doctor", () => {
  test("finds nothing wrong where all is well: who you are in the cluster, and how long each hop takes", async () => {
    const { code, report, problems, program } = await doctor()
    expect([code, problems]).toEqual([0, []])
    expect(report.checks.map(({ check }) => check)).toEqual([
      ...["dns", "http proxy", "tcp", "tls", "relay", "clock", "relay token", "relay authentication"],
      ...["policy", "agent", "identity", "cluster token", "stream", "auth whoami"].map((one) => `edge-1: ${one}`),
    ])
    expect(detail(report, "edge-1: auth whoami")).toBe("oidc:alice in oidc:developers, system:authenticated")
    expect(report.latencyMillis).toMatchObject([{ authProxy: 1.5, apiServer: 7.5, path: expect.any(Number) }])
    expect(program.stdout + program.stderr).not.toContain(jwt({}).split(".")[2] ?? "")
  })

  test("a person reads one line per check and a remedy under each problem", async () => {
    far.agentSessions = 0
    const options = ["--relay", far.relayUrl, "--token-file", home.tokenFile, "--relay-token-file", home.relayTokenFile]
    const program = new ProxyProcess(home, ["doctor", ...options, "--pin", far.material.pin, far.cluster])
    expect(await program.exited).toBe(5)
    expect(program.stdout).toMatch(/^ok {7}dns .*resolves$/m)
    expect(program.stdout).toMatch(/^problem {2}edge-1: agent .*no agent.*\n +-> Look at the agent/m)
    expect(program.stdout).toMatch(/^skipped {2}edge-1: stream .*needs edge-1: agent$/m)
  })

  test("names the first hop that is broken, and exits as every command does for such a failure", async () => {
    far.refuses = () => ({ code: 401, hop: "relay", cause: "TokenRefused", message: "the issuer is unknown" })
    expect(await doctor()).toMatchObject({ code: 3, problems: ["relay authentication"] })
    far.refuses = (req) =>
      req.url === "/v1/clusters" ? undefined : { code: 403, hop: "relay", cause: "ClusterRefused", message: "no" }
    expect(await doctor()).toMatchObject({ code: 4, problems: ["edge-1: policy"] })
    far.refuses = undefined
    expect(await doctor([], `sha256:${"a".repeat(64)}`)).toMatchObject({ code: 4, problems: ["edge-1: identity"] })
    far.clockShiftMillis = 120_000
    expect(await doctor()).toMatchObject({ code: 5, problems: ["clock"] })
  })

  test("compares the token's claims with what the cluster's document expects", async () => {
    far.publish({ audiences: { "https://other.example": far.clusterAudience } })
    expect(await doctor()).toMatchObject({ code: 3, problems: ["edge-1: cluster token"] })
    far.publish({ audiences: { "https://idp.example": "another" }, serial: far.material.document.serial + 1 })
    const { report } = await doctor()
    expect(detail(report, "edge-1: cluster token")).toContain("expected another")
  })

  test("refuses a document that takes what the relay is sent, and remembers nothing of it", async () => {
    far.publish({ audiences: { "https://idp.example": far.relayAudience } })
    const { code, problems, report } = await doctor()
    expect([code, problems]).toEqual([4, ["edge-1: identity"]])
    expect(detail(report, "edge-1: identity")).toContain("--single-audience")
    expect(await memory().find(far.relayUrl, far.cluster)).toBeUndefined()
  })

  test("knows of a brought token that another cluster's document named what it is for, as every command does", async () => {
    const pin = `sha256:${"1".repeat(64)}` as const
    await memory().remember(far.relayUrl, "prod", { pin, serial: 1, audiences: ["api://prod"] })
    await writeFile(home.tokenFile, jwt({ aud: [far.clusterAudience, "api://prod"] }))
    const { code, problems, report } = await doctor()
    expect([code, problems]).toEqual([3, ["edge-1: cluster token"]])
    expect(detail(report, "edge-1: cluster token")).toContain(`"${far.relayUrl} prod" of ${memory().path}`)
    expect(far.requests).toEqual([])
  })

  test("sends the token that it has looked at, and not what its file holds by then", async () => {
    const looked = jwt({ aud: far.clusterAudience, jti: "looked-at" })
    await writeFile(home.tokenFile, looked)
    far.refuses = (req) => {
      if (req.headers.upgrade !== undefined) writeFileSync(home.tokenFile, jwt({ aud: "another-cluster" }))
      return undefined
    }
    const { code } = await doctor()
    expect(code).toBe(0)
    expect(far.requests.flatMap(({ rawHeaders }) => rawHeaders).filter((one) => one.startsWith("Bearer "))).toEqual([
      `Bearer ${looked}`,
    ])
  })

  test("a relay token that opens a cluster is not sent; nothing after it is guessed", async () => {
    await writeFile(home.relayTokenFile, jwt({ aud: [far.relayAudience, far.clusterAudience] }))
    const { code, problems } = await doctor()
    expect([code, problems]).toEqual([3, ["relay token"]])
    expect(far.relayCalls).toEqual([])
  })

  test("a relay that is not there is found at its stage", async () => {
    await far.stop()
    const { code, problems, report } = await doctor()
    expect([code, problems]).toEqual([5, ["tcp"]])
    expect(report.checks.find(({ check }) => check === "tls")?.verdict).toBe("skipped")
    far = await FarEnd.start()
  })
})
