import { describe, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import https from "node:https"
import net from "node:net"
import { join } from "node:path"
import { parse } from "yaml"
import { type FarEnd, jwt } from "../../proxy/testing/FarEnd.ts"
import { type Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"
import { eventually } from "../world/eventually.ts"
import { farAndHome } from "./farAndHome.ts"

let far: FarEnd
let home: Home
farAndHome(
  (ownFar, ownHome) => {
    far = ownFar
    home = ownHome
  },
  { stopping: true },
)

const client = (...args: string[]) => new ProxyProcess(home, args).ended()
const background = (args: readonly string[] = [], environment: Record<string, string> = {}) =>
  ProxyProcess.serving(home, far, ["--background", ...args], environment).ended()
const pidIn = (text: string) => Number(/with pid (\d+)/.exec(text)?.[1])
const kubeconfigIn = (text: string) => /kubeconfig at (.*)/.exec(text)?.[1] ?? ""

/** The status of an answer to what kubectl would send with this kubeconfig. */
const get = (text: string) => {
  const { clusters, users } = parse(text)
  const { server, "certificate-authority-data": ca } = clusters[0].cluster
  const headers = { authorization: `Bearer ${users[0].user.token}` }
  const options = { agent: false, ca: Buffer.from(ca, "base64"), rejectUnauthorized: true, headers }
  return new Promise<number | undefined>((resolve, reject) => {
    https.get(`${server}/api`, options, (answer) => resolve(answer.resume().statusCode)).on("error", reject)
  })
}
const runs = (pid: number) => {
  try {
    // A zombie has ended: whoever was to wait for it just has not yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}
const gone = (pid: number) =>
  eventually(`the end of ${pid}`, 60_000, async () => (runs(pid) ? { seen: "it runs" } : { done: true }))
const proxies = async (): Promise<readonly Record<string, unknown>[]> =>
  JSON.parse((await client("status", "--output", "json")).stdout).proxies
/** What lies in the state folder, without the locks and the authority that stay on purpose. */
const left = () =>
  ["running", "kubeconfig"]
    .map((name) => join(home.state, name))
    .flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []))

describe("proxy --background", () => {
  test("returns when it serves, in a session of its own; status shows it, stop ends it and what it made", async () => {
    const { code, stdout, stderr } = await background()
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" })
    expect(stderr).toContain("Start sending kubectl requests on 'edge-1' context")
    const [pid, path] = [pidIn(stderr), kubeconfigIn(stderr)]
    expect(await get(readFileSync(path, "utf8"))).toBe(200)
    // Fields 4 to 7 of proc_pid_stat(5): parent, process group, session, terminal.
    const [, , , , group, session, terminal] = readFileSync(`/proc/${pid}/stat`, "utf8").split(" ").map(Number)
    expect([group, session, terminal]).toEqual([pid, pid, 0])
    const [one] = await proxies()
    expect(one).toMatchObject({ pid, phase: "serving", background: true, relay: far.relayUrl, kubeconfig: path })
    expect(one?.clusters).toEqual([
      { cluster: "edge-1", context: "edge-1", port: expect.any(Number), path: { state: "connected" } },
    ])
    expect((await client("status", "edge-1")).stdout).toContain(`${pid}`)
    const stop = await client("stop", "edge-1")
    expect(stop).toEqual({ code: 0, stdout: "", stderr: `Ended: edge-1 of ${far.relayUrl} (pid ${pid})\n` })
    expect(runs(pid)).toBe(false)
    expect(left()).toEqual([])
    const none = await client("status")
    expect(none).toEqual({ code: 1, stdout: "", stderr: "clusterconnect: no proxy runs\n" })
  })

  test("no token is in an argument or in the log, however it was given: as flag, variable, input or pipe", async () => {
    const token = jwt({ aud: far.clusterAudience, jti: "given" })
    const relayToken = readFileSync(home.relayTokenFile, "utf8")
    const pipe = join(home.path, "pipe")
    await new Promise((resolve) => spawn("mkfifo", [pipe]).once("exit", resolve))
    const ways: readonly [string, readonly string[], Record<string, string>, string?][] = [
      ["--token", ["--token", token, "--relay-token-file", home.relayTokenFile], {}],
      ["variables", [], { CLUSTERCONNECT_TOKEN: token, CLUSTERCONNECT_RELAY_TOKEN: relayToken }],
      ["input", ["--token-file", "-", "--relay-token-file", home.relayTokenFile], {}, `${token}\n`],
      ["pipe", ["--token-file", home.tokenFile, "--relay-token-file", pipe], {}],
    ]
    for (const [way, flags, environment, input] of ways) {
      if (way === "pipe") spawn("sh", ["-c", 'printf %s "$1" > "$0"', pipe, relayToken], { stdio: "ignore" })
      const args = ["proxy", far.cluster, "--relay", far.relayUrl, "--pin", far.material.pin, "--background"]
      const debug = ["--log-level", "debug"]
      const program = new ProxyProcess(home, [...args, ...debug, ...flags], environment, input)
      const { code, stderr } = await program.ended()
      expect({ way, code, stderr }).toMatchObject({ code: 0 })
      expect(await get(readFileSync(kubeconfigIn(stderr), "utf8"))).toBe(200)
      const words = readFileSync(`/proc/${pidIn(stderr)}/cmdline`, "utf8").split("\0")
      expect(words.slice(-3)).toEqual(["background-proxy", far.cluster, ""])
      expect((await client("stop", far.cluster)).code).toBe(0)
    }
    const [name] = readdirSync(join(home.state, "logs"))
    expect(name).toMatch(/^edge-1-[0-9a-f]{8}\.log$/)
    const log = join(home.state, "logs", name ?? "")
    expect(statSync(log).mode & 0o777).toBe(0o600)
    expect(readFileSync(log, "utf8")).toContain('"message":"serving in the background"')
    expect(readFileSync(log, "utf8")).not.toMatch(/eyJ|ccsession_/)
    expect(far.requests.some(({ target }) => target === "/api")).toBe(true)
  }, 120_000)

  test("prints the kubeconfig with --file -, and merges with --merge until it is stopped", async () => {
    const printed = await background(["--file", "-", "--kube-context", "mine"])
    expect(await get(printed.stdout)).toBe(200)
    const config = join(home.path, ".kube", "config")
    mkdirSync(join(config, ".."))
    const before = "apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: []\n"
    writeFileSync(config, before)
    const merged = await background(["--merge"])
    expect(merged.stderr).toContain(`Merged "edge-1" as current context in ${config}`)
    expect(await get(readFileSync(config, "utf8"))).toBe(200)
    expect((await client("stop", "edge-1")).stderr.match(/Ended: /g)?.length).toBe(2)
    expect(parse(readFileSync(config, "utf8"))).toMatchObject({ clusters: [], users: [], contexts: [] })
  })

  test("fails as in the foreground does: the same words, the same exit code, and nothing is left", async () => {
    const taken = net.createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve))
    const { port } = taken.address() as net.AddressInfo
    const wrong = join(home.path, "wrong")
    writeFileSync(wrong, jwt({ aud: far.clusterAudience, exp: 1_700_000_000 }))
    const cases: readonly [number, readonly string[]][] = [
      [1, ["--port", String(port)]],
      [2, ["--pin", "sha256:1"]],
      [3, ["--token-file", wrong, "--pin", far.material.pin]],
      [4, ["--pin", `sha256:${"0".repeat(64)}`]],
    ]
    for (const [code, args] of cases) {
      const all = ["proxy", far.cluster, "--relay", far.relayUrl, "--relay-token-file", home.relayTokenFile]
      const flags = [...(args.includes("--token-file") ? [] : ["--token-file", home.tokenFile]), ...args]
      const pinned = args.includes("--pin") ? flags : [...flags, "--pin", far.material.pin]
      const foreground = await client(...all, ...pinned)
      expect(foreground.code).toBe(code)
      expect(await client(...all, ...pinned, "--background")).toEqual(foreground)
    }
    await new Promise((resolve) => taken.close(resolve))
    expect(left()).toEqual([])
  }, 120_000)

  test("says that it cannot ask for a pin, and what helps", async () => {
    const tokens = ["--token-file", home.tokenFile, "--relay-token-file", home.relayTokenFile]
    const { code, stderr } = await client("proxy", far.cluster, "--relay", far.relayUrl, ...tokens, "--background")
    expect(code).toBe(4)
    for (const words of [far.material.pin, "--pin", "--accept-new-pin", "without --background"])
      expect(stderr).toContain(words)
  })

  test("whoever is interrupted before it serves takes it along", async () => {
    far.refuses = (req) =>
      req.headers.upgrade === undefined
        ? undefined
        : { code: 503, hop: "agent", cause: "NoSession", message: "no agent is connected" }
    const starting = ProxyProcess.serving(home, far, ["--background"])
    const pid = await eventually("the proxy's start", 60_000, async () => {
      const [one] = (await client("status", "--output", "json").then(({ stdout }) => JSON.parse(stdout))).proxies
      return one === undefined ? { seen: starting.stderr } : { done: one.pid as number }
    })
    await starting.stop("SIGINT")
    await gone(pid)
    expect(readdirSync(join(home.state, "running"))).toEqual([])
  }, 120_000)

  test("its own command is not one for people", async () => {
    const { code, stderr } = await client("background-proxy", "edge-1")
    expect(code).toBe(2)
    expect(stderr).toContain("proxy --background")
  })
})

describe("status and stop", () => {
  test("a killed proxy is known as such, and another one takes its place", async () => {
    const pid = pidIn((await background()).stderr)
    process.kill(pid, "SIGKILL")
    await gone(pid)
    expect(readdirSync(join(home.state, "running")).length).toBe(1)
    expect((await client("status")).code).toBe(1)
    expect(readdirSync(join(home.state, "running"))).toEqual([])
    expect(await get(readFileSync(kubeconfigIn((await background()).stderr), "utf8"))).toBe(200)
  })

  test("a proxy in a terminal is shown and ended as well; what is not served is an error that lists what is", async () => {
    const foreground = ProxyProcess.serving(home, far, ["--kube-context", "mine"])
    await foreground.ready()
    const [one] = await proxies()
    expect(one).toMatchObject({ pid: foreground.child.pid, background: false })
    const wrong = await client("stop", "edge-2")
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toContain(
      `no proxy serves edge-2; there run: edge-1 of ${far.relayUrl} (pid ${foreground.child.pid})`,
    )
    expect((await client("status", "edge-2")).code).toBe(1)
    expect((await client("stop")).code).toBe(2)
    expect((await client("stop", "edge-1")).code).toBe(0)
    expect(await foreground.exited).toBe(0)
    expect(left()).toEqual([])
  })

  test("what is broken is named with its hop", async () => {
    await background()
    far.refuses = () => ({ code: 503, hop: "agent", cause: "NoSession", message: "no agent is connected" })
    far.cutCarriers()
    await eventually("the broken path", 60_000, async () => {
      const { stdout } = await client("status")
      return stdout.includes("agent: no agent is connected (NoSession)") ? { done: true } : { seen: stdout }
    })
  }, 120_000)
})
