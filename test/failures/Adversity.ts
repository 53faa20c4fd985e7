import { expect } from "bun:test"
import { spawn } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
import { availableParallelism, loadavg } from "node:os"
import { join } from "node:path"
import type { Finished } from "../cluster/process/runProgram.ts"
import { type Side, tunnelSide } from "../e2e/sides.ts"
import type { Claims, MintOptions } from "../idp/IdentityProvider.ts"
import { eventually } from "../world/eventually.ts"
import { ours } from "../world/ours.ts"
import { follow, type Program } from "../world/Program.ts"
import type { World } from "../world/World.ts"

/** What a user is promised: an honest answer by then. */
export const promisedMillis = 10_000
/** A process has to start (kubectl, the proxy) and to be scheduled beside six others on two cores; longer where more want to run. */
const startingMillis = (): number => 2_500 * Math.min(4, Math.max(1, loadavg()[0]! / availableParallelism()))
/** Beyond the promise and the longest start: then kubectl hangs, and the test ends it before the runner ends everything. */
const kubectlMillis = 25_000
/** A path that is whole again is found again within the retries of all hops together. */
const recoveryMillis = 30_000

/** A failed command as its user saw it. */
export interface Seen {
  readonly code: number | null
  readonly lines: readonly string[]
}

/** A user's proxy that is asked to start in some unfortunate way. */
export interface Attempt {
  readonly folder: string
  readonly program: Program
  readonly stop: () => Promise<void>
}

export interface Circumstances {
  readonly clusterToken?: string
  readonly relayToken?: string
  readonly pin?: string
  readonly relayUrl?: string
  readonly cluster?: string
  readonly without?: string
}

export const audiences = (world: World) => {
  const host = new URL(world.relayUrl).host
  return { relay: `clusterconnect:${host}`, cluster: `clusterconnect:${host}/${world.clusterName}` }
}

/** A token of `dora`, a member of no group. */
export const token = (world: World, options: MintOptions, claims: Claims = {}): Promise<string> =>
  world.identityProvider.mint({ sub: "dora", groups: [], ...claims }, { expiresInSeconds: 3600, ...options })

/** Starts `clusterconnect proxy` as a person does, with messages as text. */
const attempt = async (world: World, circumstances: Circumstances = {}): Promise<Attempt> => {
  const folder = mkdtempSync(join(world.directory, "dora-"))
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const named = audiences(world)
  const flags: Record<string, string> = {
    "--relay": circumstances.relayUrl ?? world.relayUrl,
    "--ca-file": world.caFile,
    "--pin": circumstances.pin ?? world.pin,
    "--token-file": file(
      "cluster-token",
      circumstances.clusterToken ?? (await token(world, { audience: named.cluster })),
    ),
    "--relay-token-file": file(
      "relay-token",
      circumstances.relayToken ?? (await token(world, { audience: named.relay })),
    ),
    "--file": join(folder, "kubeconfig"),
  }
  const given = Object.entries(flags).filter(([name]) => name !== circumstances.without)
  const [command, args] = ours("clusterconnect", ["proxy", circumstances.cluster ?? world.clusterName, ...given.flat()])
  const home = { HOME: folder, XDG_CONFIG_HOME: join(folder, "config"), XDG_STATE_HOME: join(folder, "state") }
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...home } })
  const program = follow("dora's proxy", child)
  return { folder, program, stop: () => program.stop() }
}

const isUp = (_line: unknown, text: string) => (text.startsWith("Press Ctrl+C") ? true : undefined)

/** The start must fail: once, in one message, in the promised time. */
export const refusedStart = async (world: World, circumstances: Circumstances): Promise<Seen> => {
  const began = performance.now()
  const { program } = await attempt(world, circumstances)
  const cameUp = program.until("the proxy is up", isUp).then(
    () => true,
    () => false,
  )
  if (await cameUp) {
    await program.stop()
    throw new Error(`the proxy came up although it should not: ${program.log.join("\n")}`)
  }
  const { code } = await program.exited
  expect(performance.now() - began).toBeLessThan(promisedMillis + startingMillis())
  const lines = program.log.filter((line) => line.startsWith("clusterconnect: "))
  expect(program.log.join("\n")).not.toContain("eyJ")
  expect([lines.length, program.log.join("\n")]).toEqual([1, program.log.join("\n")])
  return { code, lines }
}

const read = ["get", "--raw", "/version"]
const review = {
  apiVersion: "authorization.k8s.io/v1",
  kind: "SelfSubjectAccessReview",
  spec: { resourceAttributes: { verb: "get", resource: "pods" } },
}
const write = ["create", "--raw", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "-f", "-"]

/** One read, or one write, by the user's real kubectl. */
export const ask = (side: Side, kind: "read" | "write" = "read"): Promise<Finished> =>
  side.run(kind === "read" ? read : write, { timeoutMillis: kubectlMillis, input: JSON.stringify(review) })

/** A message that names its hop. */
const ofOurs = /clusterconnect (proxy|relay|agent|auth-proxy|api-server|identity-provider): /

/** kubectl must say one thing in the promised time. */
export const honestly = async (side: Side, kind: "read" | "write" = "read"): Promise<string> => {
  const began = performance.now()
  const { code, stdout, stderr } = await ask(side, kind)
  const took = performance.now() - began
  expect({ code, stdout, stderr }).toMatchObject({ code: 1, stdout: "" })
  const lines = stderr.split("\n").filter((line) => line !== "")
  expect(lines).toEqual([expect.stringMatching(ofOurs)])
  expect({ stderr, inTime: took < promisedMillis + startingMillis(), took }).toMatchObject({ inTime: true })
  return stderr
}

/**
 * A user's first command, before kubectl knows the cluster's resources: it asks for them first, and would swallow the Status that it
 * gets for that. What names the hop must be there once all the same.
 */
export const honestlyAtFirst = async (side: Side, folder: string): Promise<string> => {
  const began = performance.now()
  const cold = ["--cache-dir", mkdtempSync(join(folder, "cold-"))]
  const { code, stdout, stderr } = await side.run(["get", "pods", ...cold], { timeoutMillis: 6 * kubectlMillis })
  expect({ code, stdout, stderr }).toMatchObject({ code: 1, stdout: "" })
  const named = stderr.split("\n").filter((line) => ofOurs.test(line))
  expect({ stderr, named: named.length, took: performance.now() - began }).toMatchObject({ named: 1 })
  return stderr
}

/** The session works again, and nothing but the cause was touched. */
export const worksAgain = (side: Side): Promise<true> =>
  eventually("the session works again", recoveryMillis, async () => {
    const { code, stderr } = await ask(side, "write")
    return code === 0 ? { done: true as const } : { seen: stderr }
  })

/** A user whose proxy is up. */
export const started = async (world: World): Promise<Attempt & { readonly side: Side }> => {
  const one = await attempt(world)
  await one.program.until("the proxy is up", isUp)
  return { ...one, side: tunnelSide(world.cluster.kubectl, join(one.folder, "kubeconfig")) }
}

/** A process stands still while `body` runs. */
export const frozen = async <A>(pid: number, body: () => Promise<A>): Promise<A> => {
  process.kill(pid, "SIGSTOP")
  try {
    return await body()
  } finally {
    process.kill(pid, "SIGCONT")
  }
}

/** The program that listens on the API server's port, inside. */
export const apiServerPid = async (world: World): Promise<number> => {
  const open = await world.cluster.run("ss", ["-Htlnp", `sport = :${world.cluster.api.port}`])
  const pid = open.stdout.match(/"kube-apiserver",pid=(\d+)/)?.[1]
  if (pid === undefined) throw new Error(`no API server listens on ${world.cluster.api.port}: ${open.stdout}`)
  return Number(pid)
}
