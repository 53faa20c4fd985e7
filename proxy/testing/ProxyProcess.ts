import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type FarEnd, jwt } from "./FarEnd.ts"

/** From the checkout, or the standalone binary where CLUSTERCONNECT_BINARIES names a folder made by `bun run build`. */
const program = (args: readonly string[]): readonly [command: string, args: readonly string[]] => {
  const folder = process.env.CLUSTERCONNECT_BINARIES
  return folder === undefined
    ? [process.execPath, [join(import.meta.dir, "..", "main.ts"), ...args]]
    : [join(folder, "clusterconnect"), args]
}

/** A home directory of its own, with token files for one far end. */
export class Home implements AsyncDisposable {
  readonly path: string
  readonly tokenFile: string
  readonly relayTokenFile: string

  private constructor(path: string) {
    this.path = path
    this.tokenFile = join(path, "token")
    this.relayTokenFile = join(path, "relay-token")
  }

  static async for(far: FarEnd): Promise<Home> {
    const home = new Home(await mkdtemp(join(tmpdir(), "clusterconnect-home-")))
    await writeFile(home.tokenFile, `${jwt({ aud: far.clusterAudience })}\n`)
    await writeFile(home.relayTokenFile, jwt({ aud: far.relayAudience }))
    return home
  }

  get configuration(): string {
    return join(this.path, ".config", "clusterconnect")
  }

  get state(): string {
    return join(this.path, ".local", "state", "clusterconnect")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true })
  }
}

/** The real program as a child process. */
export class ProxyProcess {
  readonly child: ChildProcess
  stdout = ""
  stderr = ""
  readonly exited: Promise<number | null>
  readonly #watchers = new Set<() => void>()

  /** `under` is a command that runs the program given behind it, as nohup does. */
  constructor(
    home: Home,
    args: readonly string[],
    environment: Record<string, string> = {},
    input?: string,
    under: readonly string[] = [],
  ) {
    const [command, words] = program(args)
    const [first = command, ...rest] = [...under, command, ...words]
    this.child = spawn(first, rest, {
      env: { PATH: process.env.PATH ?? "", HOME: home.path, NO_COLOR: "1", ...environment },
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    })
    this.child.stdin?.on("error", () => {})
    this.child.stdin?.end(input)
    this.child.stdout?.on("data", (chunk: Buffer) => this.#add("stdout", chunk))
    this.child.stderr?.on("data", (chunk: Buffer) => this.#add("stderr", chunk))
    this.exited = new Promise((resolve) => this.child.once("close", (code) => resolve(code)))
  }

  /** `proxy` with everything it needs for this far end. */
  static serving(
    home: Home,
    far: FarEnd,
    args: readonly string[] = [],
    environment: Record<string, string> = {},
    under: readonly string[] = [],
  ) {
    const tokens = ["--token-file", home.tokenFile, "--relay-token-file", home.relayTokenFile]
    const pin = args.includes("--pin") || args.includes("--accept-new-pin") ? [] : ["--pin", far.material.pin]
    return new ProxyProcess(
      home,
      ["proxy", far.cluster, "--relay", far.relayUrl, ...tokens, ...pin, ...args],
      environment,
      undefined,
      under,
    )
  }

  /** Resolves when stderr (or stdout) holds the text; rejects when the program ends without it. */
  async says(text: string): Promise<void> {
    const said = Promise.withResolvers<void>()
    const look = () => {
      if (this.stderr.includes(text) || this.stdout.includes(text)) said.resolve()
    }
    this.#watchers.add(look)
    look()
    const ended = this.exited.then((code) => {
      look()
      throw new Error(`the proxy ended with ${code} before it said ${JSON.stringify(text)}: ${this.stderr}`)
    })
    await Promise.race([said.promise, ended]).finally(() => this.#watchers.delete(look))
  }

  async ready(): Promise<void> {
    await this.says("Press Ctrl+C to close proxy.")
  }

  /** Its exit code and all that it said, once it has ended. */
  async ended() {
    const code = await this.exited
    return { code, stdout: this.stdout, stderr: this.stderr }
  }

  /** Ends it by signal and returns the exit code. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.child.kill(signal)
    return await this.exited
  }

  #add(where: "stdout" | "stderr", chunk: Buffer): void {
    this[where] += chunk.toString("utf8")
    for (const look of this.#watchers) look()
  }
}
