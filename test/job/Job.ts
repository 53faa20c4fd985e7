import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, renameSync, writeFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { ours } from "../world/ours.ts"
import { deployers, type TwoClusters } from "./TwoClusters.ts"

/** A job on a runner: its own folders, its own tokens, real kubectl and helm on its PATH. */
export interface Job {
  /** All that the job's programs leave behind is below it. */
  readonly temporary: string
  /** Every token that it was ever given. */
  readonly tokens: readonly string[]
  /** `clusterconnect run CLUSTERS … -- COMMAND`, and what it says. */
  run(clusters: string, command: readonly string[], options?: readonly string[]): Run
  /** One of our commands, or kubectl as it is. */
  command(program: "clusterconnect" | "kubectl", words: readonly string[]): Run
  /** Other tokens in the files that are read, each put in place whole. */
  renew(): Promise<void>
}

export interface Run {
  readonly child: ChildProcess
  /** Standard output and standard error, as they came. */
  readonly said: { stdout: string; stderr: string }
  /** Resolves when standard output or standard error holds the text; rejects when the program ends without it. */
  until(text: string): Promise<void>
  readonly exited: Promise<number>
}

export interface JobOptions {
  readonly subject: string
  readonly tokenSeconds: number
  /** True: the tokens are in the environment, where a CI system puts them; else in files. */
  readonly inEnvironment?: boolean
  readonly environment?: Readonly<Record<string, string>>
}

export const startJob = async (world: TwoClusters, options: JobOptions): Promise<Job> => {
  const { outside, first, second, kubectl, helm } = world
  const folder = mkdtempSync(join(world.directory, `${options.subject}-`))
  const temporary = join(folder, "tmp")
  mkdirSync(temporary)
  const host = new URL(outside.relayUrl).host
  const tokens: string[] = []
  const mint = async (audience: string) => {
    const claims = { sub: options.subject, groups: [deployers] }
    const token = await outside.identityProvider.mint(claims, { audience, expiresInSeconds: options.tokenSeconds })
    tokens.push(token)
    return token
  }
  const audiences = {
    relay: `clusterconnect:${host}`,
    "edge-1": `clusterconnect:${host}/edge-1`,
    "edge-2": `clusterconnect:${host}/edge-2`,
  }
  const renew = async () => {
    for (const [name, audience] of Object.entries(audiences)) {
      writeFileSync(join(folder, `.${name}`), await mint(audience), { mode: 0o600 })
      renameSync(join(folder, `.${name}`), join(folder, name))
    }
  }
  const clusterValues = (value: (name: "edge-1" | "edge-2") => string) =>
    `edge-1=${value("edge-1")},edge-2=${value("edge-2")}`
  const given: Record<string, string> = {}
  if (options.inEnvironment) {
    const [one, two] = [await mint(audiences["edge-1"]), await mint(audiences["edge-2"])]
    given.CLUSTERCONNECT_RELAY_TOKEN = await mint(audiences.relay)
    given.CLUSTERCONNECT_TOKEN = clusterValues((name) => (name === "edge-1" ? one : two))
  } else {
    await renew()
    given.CLUSTERCONNECT_RELAY_TOKEN_FILE = join(folder, "relay")
    given.CLUSTERCONNECT_TOKEN_FILE = clusterValues((name) => join(folder, name))
  }
  const environment = {
    PATH: [dirname(kubectl), dirname(helm), process.env.PATH].join(delimiter),
    HOME: folder,
    TMPDIR: temporary,
    CLUSTERCONNECT_RELAY: outside.relayUrl,
    CLUSTERCONNECT_PIN: clusterValues((name) => (name === "edge-1" ? first : second).side.pin),
    ...given,
    ...options.environment,
  }
  const run: Job["run"] = (clusters, command, more = []) => {
    const words = ["run", "--ca-file", outside.caFile, ...more, clusters, "--", ...command]
    const child = spawn(...ours("clusterconnect", words), { env: environment, stdio: ["ignore", "pipe", "pipe"] })
    return following(child)
  }
  const command: Job["command"] = (program, words) => {
    const [file, args] = program === "kubectl" ? [kubectl, words] : ours("clusterconnect", words)
    return following(spawn(file, args, { env: environment, stdio: ["ignore", "pipe", "pipe"] }))
  }
  return { temporary, tokens, run, command, renew }
}

const following = (child: ChildProcess): Run => {
  const said = { stdout: "", stderr: "" }
  const looks = new Set<() => void>()
  for (const where of ["stdout", "stderr"] as const)
    child[where]?.on("data", (chunk: Buffer) => {
      said[where] += chunk.toString("utf8")
      for (const look of [...looks]) look()
    })
  const exited = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)))
  return {
    child,
    said,
    exited,
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!said.stdout.includes(text) && !said.stderr.includes(text)) return
          looks.delete(look)
          resolve()
        }
        looks.add(look)
        look()
        void exited.then((code) => {
          look()
          if (looks.delete(look)) reject(new Error(`ended with ${code} before it said ${text}:\n${said.stderr}`))
        })
      }),
  }
}
