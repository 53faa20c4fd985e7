import { afterAll, beforeAll, expect, test } from "bun:test"
import { spawn, spawnSync } from "node:child_process"
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { compile } from "../../deploy/build.ts"
import { signChecksums, writeChecksums } from "../../deploy/release/checksums.ts"
import { publicClientId } from "../idp/IdentityProvider.ts"
import { visit } from "../idp/visit.ts"
import { root } from "../project.ts"
import { eventually } from "../world/eventually.ts"
import { follow } from "../world/Program.ts"
import { startWorld, type World } from "../world/World.ts"

/** What somebody does who has a relay's name, a cluster's pin, an account, and the install script of the project's repository. */
const stack = new AsyncDisposableStack()
let world: World
let home: string
let environment: Record<string, string>
let processesBefore: string[]

const release = join("dist", "release")
const took: [step: string, millis: number][] = []
const timed = async <A>(step: string, body: () => A | Promise<A>): Promise<A> => {
  const started = performance.now()
  const result = await body()
  took.push([step, performance.now() - started])
  return result
}

/** A signed release of the client for this machine, in a folder that the relay serves. */
const publish = (): void => {
  const folder = join(world.directory, release)
  mkdirSync(folder, { recursive: true })
  compile("clusterconnect", join(folder, `clusterconnect-linux-${process.arch}`), { version: "7.0.0" })
  writeFileSync(join(folder, "version.txt"), "7.0.0\n")
}

beforeAll(async () => {
  world = await startWorld(stack, { level: "control-plane" })
  publish()
  const folder = join(world.directory, release)
  await writeChecksums(folder)
  const key = join(world.directory, "release-key")
  const made = spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key])
  if (made.status !== 0) throw new Error(String(made.stderr))
  signChecksums(folder, key)
  const signers = join(world.directory, "allowed_signers")
  writeFileSync(signers, `release@clusterconnect.dev ${readFileSync(`${key}.pub`, "utf8")}`)
  appendFileSync(join(world.directory, "relay", "config.yaml"), `downloadDirectory: ${folder}\n`)
  await world.cluster.admin(["create", "clusterrole", "reader", "--verb=get,list", "--resource=namespaces"])
  await world.cluster.admin(["create", "clusterrolebinding", "alice", "--clusterrole=reader", "--user=oidc:alice"])

  home = join(world.directory, "home")
  mkdirSync(home)
  const authorities = join(world.directory, "authorities.pem")
  writeFileSync(authorities, `${readFileSync(world.caFile, "utf8")}\n${world.identityProvider.caPem}`)
  environment = {
    PATH: `${join(home, ".local", "bin")}:${process.env.PATH}`,
    HOME: home,
    NO_COLOR: "1",
    CLUSTERCONNECT_KEYRING: "off",
    CLUSTERCONNECT_ALLOWED_SIGNERS: signers,
    CURL_CA_BUNDLE: authorities,
  }
  processesBefore = processesOfHome()
}, 300_000)
afterAll(async () => await stack.disposeAsync(), 60_000)

/** Processes that were started from the stranger's home. */
const processesOfHome = (): string[] =>
  readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(join(home ?? "/nowhere", ".local"))
    } catch {
      return false
    }
  })

const start = (command: string, ...args: string[]) => {
  const child = spawn(command, args, { env: environment, cwd: home, stdio: ["ignore", "pipe", "pipe"] })
  let stdout = ""
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk
  })
  const program = follow(command, child)
  return { program, stdout: () => stdout }
}
const run = async (command: string, ...args: string[]): Promise<string> => {
  const { program, stdout } = start(command, ...args)
  const { code } = await program.exited
  expect({ code, said: code === 0 ? "" : program.log.join("\n") }).toEqual({ code: 0, said: "" })
  return stdout() + program.log.join("\n")
}
const matching = (pattern: RegExp) => (_line: unknown, text: string) => pattern.exec(text)?.[1]

test("a stranger's path: download, verify, log in with the device code, proxy, kubectl, Ctrl-C, log out, nothing left over", async () => {
  const authorities = environment.CURL_CA_BUNDLE ?? ""
  const script = join(root, "deploy", "release", "install.sh")
  // The relay takes its changed configuration up by itself.
  await eventually("the relay serves the release", 30_000, async () => {
    // Not by spawnSync: what records the relay's traffic runs in this process.
    const { program } = start("curl", "-fsS", `${world.relayUrl}/download/version.txt`)
    return (await program.exited).code === 0 ? { done: true } : { seen: program.log.at(-1) }
  })
  const installed = await timed("download and verify", () =>
    run("sh", script, "--from", world.relayUrl, "--version", "7.0.0", "--kubectl-plugin"),
  )
  expect(installed).toContain("its signature is good")
  expect(await run("clusterconnect", "version")).toContain("clusterconnect 7.0.0")
  expect(await run(world.cluster.kubectl, "clusterconnect", "version")).toContain("clusterconnect 7.0.0")
  expect(
    await run("clusterconnect", "version", "--check", "--relay", world.relayUrl, "--ca-file", authorities),
  ).toContain("nothing newer (7.0.0, signed by a release key)")

  await timed("log in", async () => {
    const issuer = ["--issuer", world.identityProvider.issuer, "--client-id", publicClientId]
    const login = start(
      "clusterconnect",
      ...["login", "--relay", world.relayUrl, ...issuer, "--ca-file", authorities, "--device-code", world.clusterName],
    )
    const page = await login.program.until("the page to open", matching(/open (https:\S+)/))
    await visit(page, world.identityProvider.caPem)
    expect([(await login.program.exited).code, login.program.log.at(-1)]).toEqual([0, expect.stringContaining("alice")])
  })

  const before = readdirSync(home, { recursive: true }).map(String).sort()
  const proxy = start("clusterconnect", "proxy", world.clusterName, "--pin", world.pin)
  const kubeconfig = await timed("proxy", async () => {
    const path = await proxy.program.until("its kubeconfig", matching(/kubeconfig at (\S+)/))
    await proxy.program.until("ready", matching(/(Press Ctrl\+C)/))
    return path
  })
  const kubectl = (...words: string[]) => run(world.cluster.kubectl, "--kubeconfig", kubeconfig, ...words)
  expect(await timed("first kubectl", () => kubectl("auth", "whoami"))).toContain("oidc:alice")
  expect(await timed("kubectl get", () => kubectl("get", "namespaces"))).toContain("kube-system")

  await timed("Ctrl-C", async () => {
    await proxy.program.stop("SIGINT")
    expect((await proxy.program.exited).code).toBe(0)
  })
  expect(processesOfHome()).toEqual(processesBefore)
  const added = readdirSync(home, { recursive: true })
    .map(String)
    .filter((path) => !before.includes(path) && !path.startsWith(join(".kube", "cache")))
  // What it remembers on purpose, and locks (docs/decisions/0005): no kubeconfig, socket or temporary file.
  const files = added
    .filter((path) => statSync(join(home, path)).isFile())
    .map((path) => path.replace(/kubeconfig-[0-9a-f]\.lock$/, "kubeconfig-N.lock"))
    .sort()
  expect(files).toEqual([
    ".config/clusterconnect/known-clusters.json",
    ".config/clusterconnect/known-clusters.json.lock",
    ".local/state/clusterconnect/local-authority.pem",
    ".local/state/clusterconnect/local-authority.pem.lock",
    ".local/state/clusterconnect/locks/kubeconfig-N.lock",
  ])

  expect(await timed("log out", () => run("clusterconnect", "logout"))).toContain("revoked at the identity provider")
  const sessions = readdirSync(join(home, ".config", "clusterconnect", "sessions"))
  expect(sessions.filter((name) => !name.endsWith(".lock"))).toEqual([])
  for (const [step, millis] of took) console.error(`stranger: ${step.padEnd(20)} ${(millis / 1000).toFixed(2)} s`)
  const whole = took.reduce((sum, [, millis]) => sum + millis, 0)
  console.error(
    `stranger: ${"all steps".padEnd(20)} ${(whole / 1000).toFixed(2)} s; files it remembers: ${files.join(", ")}`,
  )
}, 180_000)
