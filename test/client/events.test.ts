import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Schema } from "effect"
import { ClientEvent, clientEvents } from "../../proxy/events/ClientEvent.ts"
import { eventReference } from "../../proxy/events/eventReference.ts"
import { FarEnd } from "../../proxy/testing/FarEnd.ts"
import { Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"
import { ask } from "./localRequest.ts"

let far: FarEnd
let home: Home
beforeAll(async () => {
  far = await FarEnd.start()
  home = await Home.for(far)
})
afterAll(async () => {
  await far.stop()
  await home[Symbol.asyncDispose]()
})

const decode = Schema.decodeUnknownSync(ClientEvent, { onExcessProperty: "error" })
const eventsIn = (text: string) =>
  text.split("\n").flatMap((line) => (line.startsWith("{") ? [decode(JSON.parse(line))] : []))
const noAgent = () => ({ code: 503, hop: "agent", cause: "NoSession", message: "no agent is connected" }) as const
const noSecret = /eyJ|ccsession_/

const serving = (...args: string[]) => ProxyProcess.serving(home, far, ["--output", "json", ...args])
const run = (...child: string[]) =>
  new ProxyProcess(home, [
    ...["run", far.cluster, "--relay", far.relayUrl, "--pin", far.material.pin, "--output=json"],
    ...["--token-file", home.tokenFile, "--relay-token-file", home.relayTokenFile, "--", ...child],
  ])

describe("proxy --output json", () => {
  test("says on standard output what a wrapper needs, nothing else, and nothing secret", async () => {
    const proxy = serving("--kube-context", "mine")
    await proxy.says('"ready"')
    const [listening, ready] = eventsIn(proxy.stdout)
    const path = ready?.event === "ready" ? ready.kubeconfig : undefined
    expect(listening).toMatchObject({
      event: "listening",
      cluster: far.cluster,
      context: "mine",
      relay: far.relayUrl,
      host: "127.0.0.1",
      port: expect.any(Number),
      kubeconfig: path,
    })
    expect(ready).toMatchObject({ event: "ready", clusters: [far.cluster], merged: false })
    expect(readFileSync(path ?? "", "utf8")).toContain("current-context: mine")
    expect(await proxy.stop("SIGINT")).toBe(0)
    expect(eventsIn(proxy.stdout).map(({ event }) => event)).toEqual(["listening", "ready", "stopping"])
    expect(proxy.stdout.trim().split("\n")).toHaveLength(3)
    expect(proxy.stderr).toBe("")
    expect(proxy.stdout).not.toMatch(noSecret)
  })
  test("says that a cluster was lost, at which hop, and regained", async () => {
    const proxy = serving()
    await proxy.says('"ready"')
    far.refuses = noAgent
    far.cutCarriers()
    await proxy.says('"lost"')
    far.refuses = undefined
    expect((await ask(home, "/api")).status).toBe(200)
    await proxy.says('"regained"')
    await proxy.stop()
    const events = eventsIn(proxy.stdout)
    expect(events.find(({ event }) => event === "lost")).toMatchObject({
      cluster: far.cluster,
      hop: "agent",
      cause: "NoSession",
    })
    expect(events.at(-1)).toMatchObject({ event: "stopping", clusters: [far.cluster] })
  })
  test("ends with why it could not: exit code, hop and cause", async () => {
    const relay = "https://127.0.0.1:1"
    const options = ["--single-audience", "--token-file", home.tokenFile, "--accept-new-pin", "--output", "json"]
    const proxy = new ProxyProcess(home, ["proxy", "edge-1", "--relay", relay, ...options])
    expect(await proxy.exited).toBe(5)
    expect(eventsIn(proxy.stdout)).toMatchObject([{ event: "failed", exitCode: 5, hop: "relay" }])
    const wrong = serving("--hold", "1000")
    expect(await wrong.exited).toBe(2)
    expect(eventsIn(wrong.stdout)).toMatchObject([{ event: "failed", exitCode: 2 }])
  })
  test("does not share standard output with a kubeconfig", async () => {
    const proxy = serving("--file", "-")
    expect(await proxy.exited).toBe(2)
    expect(proxy.stderr).toContain("--output json and --file -")
  })
  test("goes on serving when nobody reads any more", async () => {
    const proxy = serving()
    await proxy.says('"ready"')
    proxy.child.stdout?.destroy()
    far.refuses = noAgent
    far.cutCarriers()
    await proxy.says("cannot be reached")
    far.refuses = undefined
    expect((await ask(home, "/api")).status).toBe(200)
    await proxy.says("can be reached again")
    expect(await proxy.stop()).toBe(0)
  })
})

describe("run --output json", () => {
  test("leaves standard output to the command and says on standard error how it went", async () => {
    const program = run("sh", "-c", "echo from the command; exit 7")
    expect(await program.exited).toBe(7)
    expect(program.stdout).toBe("from the command\n")
    const events = eventsIn(program.stderr)
    expect(events.map(({ event }) => event)).toEqual(["listening", "ready", "ended"])
    expect(events.at(-1)).toMatchObject({ exitCode: 7 })
    expect(program.stderr).not.toMatch(noSecret)
  })
  test("says that a cluster is waited for, at which hop, before it begins", async () => {
    const { document } = far
    far.document = ""
    const program = run("true")
    await program.says('"waiting"')
    far.document = document
    expect(await program.exited).toBe(0)
    const events = eventsIn(program.stderr)
    expect(events.map(({ event }) => event)).toEqual(["waiting", "listening", "ready", "ended"])
    expect(events[0]).toMatchObject({ cluster: far.cluster, seconds: 60, hop: "agent", cause: "NoDocument" })
  })
  test("says which hop kept it from beginning", async () => {
    far.refuses = () => ({ code: 403, hop: "relay", cause: "Forbidden", message: "not for you" }) as const
    const program = run("true")
    expect(await program.exited).toBe(125)
    far.refuses = undefined
    expect(eventsIn(program.stderr)).toMatchObject([{ event: "failed", exitCode: 125, hop: "relay" }])
  })
})

test("version --output json is an object", async () => {
  const program = new ProxyProcess(home, ["version", "--output", "json"])
  expect(await program.exited).toBe(0)
  expect(JSON.parse(program.stdout)).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+/) })
})

describe("the events", () => {
  test("have no field but those of their schema", () => {
    for (const { fields } of clientEvents) expect(Object.keys(fields)).toContain("time")
    expect(() => decode({ event: "regained", time: "", cluster: "a", token: "x" })).toThrow()
  })
  test("are described in docs/events.md as the schema has them (bun run events)", () => {
    expect(readFileSync(join(import.meta.dir, "../../docs/events.md"), "utf8")).toBe(eventReference())
  })
})
