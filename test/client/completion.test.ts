import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import net from "node:net"
import { join } from "node:path"
import { clusterNames } from "../../proxy/completion/clusterNames.ts"
import { directories } from "../../proxy/directories.ts"
import { FarEnd, jwt } from "../../proxy/testing/FarEnd.ts"
import { Home, ProxyProcess } from "../../proxy/testing/ProxyProcess.ts"
import { ShellSession, sayingProgram } from "../../proxy/testing/ShellSession.ts"

const missing = (...programs: string[]) => programs.filter((program) => Bun.which(program) === null)
for (const [shell, needed] of [
  ["bash", missing("bash", "script")],
  ["zsh", missing("zsh", "script")],
  ["fish", missing("fish")],
] as const)
  if (needed.length > 0)
    console.warn(`completion.test.ts: ${shell} is skipped: ${needed.join(" and ")} missing (Debian: zsh fish bsdutils)`)

let far: FarEnd
let home: Home
let environment: Record<string, string>
beforeAll(async () => {
  far = await FarEnd.start()
  home = await Home.for(far)
  await mkdir(home.configuration, { recursive: true })
  const profiles = { work: { relay: far.relayUrl }, home: { relay: "https://other.example.com" } }
  await writeFile(join(home.configuration, "profiles.json"), JSON.stringify({ version: 1, current: "work", profiles }))
  const programs = await sayingProgram(join(home.path, "bin"))
  environment = {
    PATH: `${programs}:${process.env.PATH}`,
    HOME: home.path,
    CLUSTERCONNECT_RELAY_TOKEN_FILE: home.relayTokenFile,
  }
  // However busy the machine is, and late the relay: it is known.
  await remember({ [far.relayUrl]: far.cluster })
  for (const shell of ["bash", "zsh", "fish", "powershell"]) {
    const { code, out } = await client("completion", shell)
    expect(code).toBe(0)
    await writeFile(join(home.path, `completion.${shell}`), out)
  }
})
afterAll(async () => {
  await far.stop()
  await home[Symbol.asyncDispose]()
})

const client = async (...args: string[]) => {
  const program = new ProxyProcess(home, args, environment)
  return { code: await program.exited, out: program.stdout, err: program.stderr }
}
/** What is remembered with a pin, by relay. */
const remember = (names: Readonly<Record<string, string>>) => {
  const known = { pin: `sha256:${"0".repeat(64)}`, serial: 1, audiences: [] }
  const clusters = Object.fromEntries(Object.entries(names).map(([relay, name]) => [`${relay} ${name}`, known]))
  return writeFile(join(home.configuration, "known-clusters.json"), JSON.stringify({ version: 1, clusters }))
}
/** Clusters as the program finds them for a shell, but with all the time that a busy machine may need. */
const found = (change: Record<string, string> = {}) => {
  const asking = {
    profile: undefined,
    relay: far.relayUrl,
    caFile: undefined,
    relayTokenFile: undefined,
    relayAudience: undefined,
  }
  const here = directories({ platform: process.platform, home: home.path, environment: {} })
  return clusterNames(asking, { ...environment, ...change }, here, patienceMillis)
}
const patienceMillis = 30_000
/** Values for the word at the cursor, behind words. */
const candidates = async (current: string, ...before: string[]) => {
  const { code, out, err } = await client("__complete", `=${current}`, ...before)
  expect([code, err]).toEqual([0, ""])
  return out.split("\n").flatMap((line) => (line === "" ? [] : [line.split("\t")[0]]))
}

for (const shell of ["bash", "zsh"] as const)
  describe.skipIf(missing(shell, "script").length > 0)(`${shell} on a terminal`, () => {
    const session = () => ShellSession.start(shell, join(home.path, `completion.${shell}`), environment)
    test("completes commands, options, choices, clusters, lists of them, profiles and files", async () => {
      await using terminal = await session()
      const file = join(home.path, "relay-token")
      for (const [typed, meant] of [
        ["doct\t", "doctor"],
        ["clusters rev\t", "clusters revoke"],
        ["doctor --outp\t", "doctor --output"],
        ["doctor --output j\t", "doctor --output json"],
        ["doctor --output=j\t", "doctor --output=json"],
        ["proxy ed\t", `proxy ${far.cluster}`],
        ["run edge-0,ed\t", `run edge-0,${far.cluster}`],
        ["proxy --profile w\t", "proxy --profile work"],
        [`doctor --relay-token-file ${file.slice(0, -3)}\t`, `doctor --relay-token-file ${file}`],
        ["completion fi\t", "completion fish"],
        [`proxy --relay ${far.relayUrl} ed\t`, `proxy --relay ${far.relayUrl} ${far.cluster}`],
      ] as const)
        expect([typed, (await terminal.runs(`clusterconnect ${typed}`)).trim()]).toEqual([typed, meant])
    })
    test("evaluates nothing of what is typed", async () => {
      await using terminal = await session()
      const trace = join(home.path, `evaluated-${shell}`)
      // Behind a quoted ; or ` bash does not ask for completions at all.
      await terminal.givesUp(`clusterconnect proxy "$(touch ${trace})" --overw\t`, /--overwrite-existing/)
      await terminal.givesUp(`clusterconnect proxy '$(touch ${trace})' --overw\t`, /--overwrite-existing/)
      const asked = await readFile(join(home.path, "bin", "clusterconnect.asked"), "utf8")
      expect(asked.split(`$(touch ${trace})`)).toHaveLength(3)
      expect(existsSync(trace)).toBe(false)
    })
    test("can be loaded twice", async () => {
      await using terminal = await session()
      const script = join(home.path, `completion.${shell}`)
      expect(await terminal.runs(`source ${script} && clusterconnect again`)).toBe("again")
      expect((await terminal.runs("clusterconnect logo\t")).trim()).toBe("logout")
    })
  })

test.skipIf(missing("fish").length > 0)("fish completes with what each candidate is", async () => {
  const completed = async (line: string) => {
    const script = `source ${join(home.path, "completion.fish")}; complete -C '${line}'`
    const fish = Bun.spawn(["fish", "--no-config", "-c", script], { env: environment, stdout: "pipe", stderr: "pipe" })
    const [out, err] = await Promise.all([new Response(fish.stdout).text(), new Response(fish.stderr).text()])
    expect([await fish.exited, err]).toEqual([0, ""])
    return out.trim()
  }
  expect(await completed("clusterconnect doct")).toBe(
    "doctor\tExamine every hop to a cluster: what is wrong, and what to do.",
  )
  expect(await completed("clusterconnect doctor --output=j")).toBe("--output=json")
  expect(await completed("clusterconnect proxy ")).toBe(`${far.cluster}\tcluster`)
  expect((await completed("clusterconnect proxy --profile ")).split("\n")).toContain(`work\t${far.relayUrl}`)
  expect(await completed(`clusterconnect doctor --ca-file ${home.path}/relay-to`)).toContain(home.relayTokenFile)
})

test("PowerShell's script asks the same question (it was not run: there is no PowerShell here)", async () => {
  const script = await readFile(join(home.path, "completion.powershell"), "utf8")
  expect(script).toContain("Register-ArgumentCompleter -Native -CommandName clusterconnect")
  expect(script).toContain('__complete "=$wordToComplete" @before')
})

describe("candidates", () => {
  test("are the commands and options that the program has, each once where it may stand once", async () => {
    expect(await candidates("")).toContain("completion")
    expect(await candidates("", "no-such-command")).toEqual([])
    expect(await candidates("--rel", "proxy")).toEqual(["--relay", "--relay-token-file", "--relay-audience"])
    expect(await candidates("--rel", "proxy", "--relay", far.relayUrl)).not.toContain("--relay")
    expect(await candidates("--sco", "login", "--scope", "a")).toEqual(["--scope"])
    expect(await candidates("", "logout")).toEqual([])
  })
  test("leave out clusters that stand there already, and end behind the dashes of run", async () => {
    expect(await candidates("", "proxy", far.cluster)).toEqual([])
    expect(await candidates(`${far.cluster},`, "run")).toEqual([])
    expect(await candidates("", "run", far.cluster, "--")).toEqual([":files"])
  })
  test("are the relay's clusters, and the remembered ones when it does not answer or says no", async () => {
    await remember({ [far.relayUrl]: "kept" })
    expect(await found()).toEqual([far.cluster])
    far.refuses = () => ({ code: 401, hop: "relay", cause: "TokenIssuerUnknown", message: "no" }) as const
    expect(await found()).toEqual(["kept"])
    far.refuses = undefined
    expect(await found({ CLUSTERCONNECT_RELAY_TOKEN_FILE: home.tokenFile })).toEqual(["kept"])
    const silent = net.createServer()
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve))
    const relay = `http://127.0.0.1:${(silent.address() as net.AddressInfo).port}`
    await remember({ [relay]: "remembered" })
    expect(await candidates("", "proxy", "--relay", relay)).toEqual(["remembered"])
    await new Promise((resolve) => silent.close(resolve))
    expect(await candidates("", "proxy", "--relay", relay)).toEqual(["remembered"])
  })
  test("are no more than a person can choose among; of a relay that lists far more, the remembered ones", async () => {
    const clusters = (count: number) => Array.from({ length: count }, (_, index) => `${"a".repeat(34)}-${index}`)
    await remember({ [far.relayUrl]: "kept" })
    far.otherClusters = clusters(6_000)
    expect(await found()).toEqual([far.cluster, ...clusters(4_999)])
    far.otherClusters = clusters(20_000)
    expect(await found()).toEqual(["kept"])
    far.otherClusters = []
  })
  test("are those that the relay listed last, where nothing else is known of them; a damaged memory is none", async () => {
    const listed = await client("clusters", "list", "--relay", far.relayUrl)
    expect([listed.code, listed.out]).toEqual([0, expect.stringContaining(far.cluster)])
    await remember({})
    const without = ["proxy", "--relay-token-file", "/nonexistent"]
    expect(await candidates("", ...without)).toEqual([far.cluster])
    expect(await candidates("", ...without, "--relay", "https://127.0.0.1:1")).toEqual([])
    const file = join(home.state, "listed-clusters.json")
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    await writeFile(file, "{")
    expect(await candidates("", ...without)).toEqual([])
    expect((await client("clusters", "list", "--relay", far.relayUrl)).code).toBe(0)
    expect(await candidates("", ...without)).toEqual([far.cluster])
  })
  test("use what a login left and spend nothing of it; a command is never run for a token", async () => {
    const sessions = join(home.configuration, "sessions")
    await mkdir(sessions, { recursive: true, mode: 0o700 })
    await rm(join(home.state, "listed-clusters.json"), { force: true })
    await remember({})
    const trace = join(home.path, "token-command-ran")
    const own = { CLUSTERCONNECT_RELAY_TOKEN_FILE: "", CLUSTERCONNECT_TOKEN_COMMAND: `touch ${trace}` }
    const issuer = "https://127.0.0.1:1"
    const profiles = { work: { relay: far.relayUrl, issuer, clientId: "cli", clusters: { logged: {} } } }
    await writeFile(join(home.configuration, "profiles.json"), JSON.stringify({ version: 1, profiles }))
    const asked = async (exp: number) => {
      const tokens = { [far.relayAudience]: jwt({ aud: far.relayAudience, exp }) }
      const session = { issuer, clientId: "cli", refreshToken: "precious", tokens }
      const text = JSON.stringify({ version: 1, session })
      await writeFile(join(sessions, "work.json"), text, { mode: 0o600 })
      const names = await found(own)
      expect(await readFile(join(sessions, "work.json"), "utf8")).toBe(text)
      return names
    }
    expect(await asked(Math.floor(Date.now() / 1000) + 3_600)).toEqual([far.cluster])
    expect(await asked(1_700_000_000)).toEqual(["logged"])
    expect(existsSync(trace)).toBe(false)
  })
  test("are none, and nothing is said, when the settings cannot be read", async () => {
    await writeFile(join(home.configuration, "profiles.json"), "{")
    expect(await candidates("", "proxy")).toEqual([])
    expect(await candidates("", "proxy", "--profile")).toEqual([])
  })
})
