import { describe, expect, test } from "bun:test"
import { chmod, readdir, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { path } from "../../protocol/names.ts"
import { childEnvironment } from "../../proxy/run/runChild.ts"
import { type FarEnd, jwt } from "../../proxy/testing/FarEnd.ts"
import { type Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"
import { asking } from "./asking.ts"
import { farAndHome } from "./farAndHome.ts"

let far: FarEnd
let home: Home
farAndHome((ownFar, ownHome) => {
  far = ownFar
  home = ownHome
})

const run = (child: readonly string[], environment: Record<string, string> = {}, clusters: string = far.cluster) =>
  new ProxyProcess(
    home,
    ["run", "--relay", far.relayUrl, "--pin", `${far.cluster}=${far.material.pin}`, clusters, ...child],
    {
      TMPDIR: home.path,
      CLUSTERCONNECT_TOKEN_FILE: `${far.cluster}=${home.tokenFile}`,
      CLUSTERCONNECT_RELAY_TOKEN_FILE: home.relayTokenFile,
      ...environment,
    },
  )
const folders = async () => (await readdir(home.path)).filter((name) => name.startsWith("clusterconnect-run-"))

describe("run", () => {
  test("gives the command a kubeconfig that works, 0600 and gone afterwards, and none of our tokens", async () => {
    const program = run(["--", process.execPath, "-e", asking], { BUN_OPTIONS: "", KEPT: "yes" })
    expect({ code: await program.exited, stderr: program.stderr }).toEqual({ code: 0, stderr: "" })
    const said = JSON.parse(program.stdout)
    expect(said).toMatchObject({ status: 200, mode: "600", contexts: [far.cluster], current: far.cluster })
    expect(said.environment).toContain("KEPT")
    expect(said.environment.join()).not.toMatch(/CLUSTERCONNECT_.*TOKEN|BUN_/)
    expect(far.requests.map(({ target }) => target)).toContain("/api/v1/pods")
    expect(await folders()).toEqual([])
  })

  test.each([
    ["its own", ["sh", "-c", "exit 7"], 7],
    ["128 and the signal that ended it", ["sh", "-c", "kill -KILL $$"], 137],
    ["127 when there is no such program", ["no-such-program-anywhere"], 127],
  ])("the command's exit code is passed on: %s", async (_, child, code) => {
    const program = run(["--", ...child])
    expect(await program.exited).toBe(code)
    expect(await folders()).toEqual([])
  })

  test("a program that may not be executed is 126", async () => {
    const plain = join(home.path, "plain")
    await writeFile(plain, "no program")
    await chmod(plain, 0o644)
    expect(await run(["--", plain]).exited).toBe(126)
  })

  test("a signal goes to the command, whose code is ours, and nothing is left", async () => {
    const program = run(["--", "sh", "-c", 'trap "exit 9" TERM; echo up; while :; do sleep 0.1; done'])
    await program.says("up")
    expect((await folders()).length).toBe(1)
    expect(await program.stop("SIGTERM")).toBe(9)
    expect(await folders()).toEqual([])
  })

  test("flags of the command are its own, also those that we have too", async () => {
    const program = run(["--", "sh", "-c", 'echo "$@"', "sh", "--relay", "--", "--help"])
    expect(await program.exited).toBe(0)
    expect(program.stdout).toBe("--relay -- --help\n")
  })

  test("a cluster that cannot be served is 125 with the hop's name, and the command does not run", async () => {
    far.refuses = () => ({ code: 403, hop: "relay", cause: "ClusterRefused", message: "there is no such cluster" })
    const program = run(["--", "sh", "-c", "echo ran"])
    expect(await program.exited).toBe(125)
    expect(program.stdout).toBe("")
    expect(program.stderr).toMatch(/relay: .*there is no such cluster/)
    expect(await folders()).toEqual([])
  })

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s before the command has begun is never success: %d, and nothing is left", async (signal, code) => {
    const asked = Promise.withResolvers<void>()
    far.handle = () => asked.resolve()
    const program = run(["--", "sh", "-c", "echo ran"])
    await asked.promise
    expect(await program.stop(signal)).toBe(code)
    expect(program.stdout).toBe("")
    expect(await folders()).toEqual([])
  })

  test("a relay that cannot be reached is tried until --wait-timeout, then 125 with its name", async () => {
    const relay = new URL(far.relayUrl)
    await far.stop()
    const program = run(["--wait-timeout", "1", "--", "sh", "-c", "echo ran"])
    expect(await program.exited).toBe(125)
    expect(program.stdout).toBe("")
    expect(program.stderr).toContain("cluster edge-1 is not ready, waiting for up to 1 s")
    expect(program.stderr).toMatch(/clusterconnect: relay: cluster edge-1 was not ready within 1 s: /)
    expect(program.stderr).toContain(relay.host)
    expect(await folders()).toEqual([])
  })

  test("without waiting, a relay that cannot be reached is tried once", async () => {
    await far.stop()
    const program = run(["--wait-timeout", "0", "--", "sh", "-c", "echo ran"])
    expect(await program.exited).toBe(125)
    expect(program.stderr).toStartWith("clusterconnect: relay: ")
  })

  test("a cluster whose agent connects late is ready then, and the command runs", async () => {
    far.refuses = ({ url }) =>
      url === path.stream(far.cluster)
        ? { code: 503, hop: "agent", cause: "AgentNotConnected", message: "no agent of edge-1 is connected" }
        : undefined
    const program = run(["--", process.execPath, "-e", asking])
    await program.says("is not ready, waiting for up to 60 s: no agent of edge-1 is connected")
    far.refuses = undefined
    expect(await program.exited).toBe(0)
    expect(JSON.parse(program.stdout).status).toBe(200)
  })

  test("a registered cluster that has never connected is waited for too", async () => {
    const { document } = far
    far.document = ""
    far.agentSessions = 0
    const program = run(["--", "sh", "-c", "echo ran"])
    await program.says("is not ready, waiting for up to 60 s: cluster edge-1 is registered")
    far.document = document
    expect(await program.exited).toBe(0)
    expect(program.stdout).toBe("ran\n")
  })

  test("one of two clusters that is not there is 125 with its name and hop, and the command does not run", async () => {
    far.refuses = ({ url }) =>
      url?.includes("edge-2")
        ? { code: 503, hop: "agent", cause: "AgentNotConnected", message: "no agent of edge-2 is connected" }
        : undefined
    const tokens = `edge-1=${home.tokenFile},edge-2=${join(home.path, "token-2")}`
    await writeFile(join(home.path, "token-2"), jwt({ aud: `${far.relayAudience}/edge-2` }))
    const program = run(
      ["--wait-timeout", "1", "--", "sh", "-c", "echo ran"],
      { CLUSTERCONNECT_TOKEN_FILE: tokens },
      "edge-1,edge-2",
    )
    expect(await program.exited).toBe(125)
    expect(program.stdout).toBe("")
    expect(program.stderr).toContain(
      "clusterconnect: agent: cluster edge-2 was not ready within 1 s: no agent of edge-2",
    )
    expect(await folders()).toEqual([])
  })

  test("a signal while it waits ends it at once", async () => {
    await far.stop()
    const program = run(["--", "sh", "-c", "echo ran"])
    await program.says("is not ready")
    expect(await program.stop("SIGINT")).toBe(130)
    expect(await folders()).toEqual([])
  })

  test.each(["-1", "3601", "soon"])("--wait-timeout %s is a usage error", async (value) => {
    expect(await run(["--wait-timeout", value, "--", "true"]).exited).toBe(2)
  })

  test("no place for the kubeconfig is ours to say: 125", async () => {
    expect(await run(["--", "true"], { TMPDIR: join(home.path, "nowhere") }).exited).toBe(125)
  })

  test("without a command it is a usage error", async () => {
    const program = run([])
    expect(await program.exited).toBe(2)
    expect(program.stderr).toContain("no command behind --")
  })

  test("two at once do not disturb each other", async () => {
    const programs = [1, 2].map(() => run(["--", process.execPath, "-e", asking]))
    expect(await Promise.all(programs.map(({ exited }) => exited))).toEqual([0, 0])
    const files = programs.map(({ stdout }) => JSON.parse(stdout).file)
    expect(new Set(files).size).toBe(2)
  })
})

test("the child's environment keeps what is not ours, runner's variables too", () => {
  const given = {
    PATH: "/bin",
    CLUSTERCONNECT_TOKEN: "a",
    CLUSTERCONNECT_RELAY_TOKEN_FILE: "b",
    CLUSTERCONNECT_ID_TOKEN_EDGE_1: "c",
    CLUSTERCONNECT_TOKEN_COMMAND: "d",
    CLUSTERCONNECT_RELAY: "e",
    BUN_BE_BUN: "1",
    KUBECONFIG: "/elsewhere",
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "f",
  }
  expect(childEnvironment(given, join(tmpdir(), "k"))).toEqual({
    PATH: "/bin",
    CLUSTERCONNECT_RELAY: "e",
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "f",
    KUBECONFIG: join(tmpdir(), "k"),
  })
})
