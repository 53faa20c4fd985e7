import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { createReadStream, mkdtempSync, statSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { pipeline } from "node:stream/promises"
import { end, lines, type Side } from "../../e2e/sides.ts"
import { prefixed } from "../../world/ours.ts"
import { namespace } from "../faultObjects.ts"
import type { Beginnings } from "./Beginnings.ts"
import type { Copies } from "./isCutTooOften.ts"
import { type Protocol, protocols, type Session } from "./Session.ts"

export interface CopyOptions {
  readonly side: Side
  readonly protocol: Protocol
  readonly within: readonly string[]
  readonly sha256: string
  readonly megabytes: number
}

/** One long download through a port-forward, held to a rate so that it lasts as long as the faults do. */
export const forwardSession = (options: CopyOptions & { readonly seconds: number }): Session => {
  const { side, protocol, within, sha256, megabytes, seconds } = options
  const name = `port-forward ${protocol}`
  const arrivals: number[] = []
  const forward = side.spawn(["port-forward", "-n", namespace, "pod/files", ":8080"], protocols[protocol])
  const said = lines(forward)
  let last: { bytes?: number; sha256?: string; error?: string } = {}
  const started = Promise.withResolvers<void>()
  const finished = (async () => {
    const port = (await said.until("Forwarding from 127.0.0.1:")).match(/127\.0\.0\.1:(\d+)/)![1]
    const rate = `${Math.round((megabytes * 1e6) / seconds)}`
    const script = join(import.meta.dir, "download.ts")
    const child = spawn(...prefixed(within, process.execPath, [script, `http://127.0.0.1:${port}/data`, rate]), {
      stdio: ["ignore", "pipe", "inherit"],
    })
    createInterface({ input: child.stdout }).on("line", (line) => {
      arrivals.push(performance.now())
      last = JSON.parse(line)
      started.resolve()
    })
    await new Promise((resolve) => child.once("close", resolve))
  })()
  finished.catch(started.reject)
  return {
    name,
    arrivals,
    get isComplete() {
      return last.sha256 !== undefined
    },
    started: started.promise,
    async finish() {
      await finished
      await end(forward, "SIGKILL")
      const whole = last.sha256 === sha256 && last.bytes === megabytes * 1e6
      return {
        name,
        carried: `${Math.round((last.bytes ?? 0) / 1e6)} MB`,
        lost: whole ? undefined : `${last.error ?? "wrong bytes"} after ${last.bytes} bytes`,
      }
    },
  }
}

/** How often a copy's file is looked at. */
const lookMillis = 250

export interface CpOptions extends Omit<CopyOptions, "within"> {
  readonly name?: string
  readonly beginnings: Beginnings
  /** Takes one of the streams that came to us short (`shortStreams.ts`) and says whose doing it was; `unknown` when none is left. */
  readonly takeShort: () => "cluster" | "before-us" | "unknown"
}

export interface CpSession extends Session {
  /** kubectl's, of the copy under way. */
  readonly pid: number | undefined
  /** Whose doing a short one was is known when it has finished. */
  readonly copies: Copies
}

/**
 * `kubectl cp` of the whole file again and again, so that faults always find one under way. It speaks by its file, which grows. A copy that does not
 * bring the whole file is lost, unless it is shown that the cluster ended it: such copies are counted apart.
 */
export const cpSession = ({
  side,
  protocol,
  sha256,
  megabytes,
  beginnings,
  takeShort,
  name = `cp ${protocol}`,
}: CpOptions): CpSession => {
  const arrivals: number[] = []
  const faults: string[] = []
  const started = Promise.withResolvers<void>()
  const folder = mkdtempSync(join(tmpdir(), "clusterconnect-cp-"))
  let copies = 0
  let short = 0
  let cutInCluster = 0
  let finishing = false
  let pid: number | undefined
  const copying = (async () => {
    for (; !finishing; copies += 1) {
      const file = join(folder, `${copies}`)
      const begun = await beginnings.begin(`${name}, copy ${copies + 1}`)
      started.resolve()
      const child = side.spawn(["cp", "-n", namespace, "files:www/data", file, "--retries=0"], protocols[protocol])
      pid = child.pid
      let size = 0
      const looking = setInterval(() => {
        const now = statSync(file, { throwIfNoEntry: false })?.size ?? 0
        if (now > size) {
          arrivals.push(performance.now())
          begun()
        }
        size = now
      }, lookMillis)
      const errors: string[] = []
      child.stderr?.on("data", (chunk) => errors.push(String(chunk)))
      child.stdout?.resume()
      const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
      clearInterval(looking)
      begun()
      const found = code === 0 ? await sha256Of(file) : ""
      const said = code === 0 ? "wrong bytes" : errors.join("").slice(-200).trim()
      if (found !== sha256) {
        const arrived = statSync(file, { throwIfNoEntry: false })?.size ?? 0
        if (code !== 0 && arrived === 0) faults.push(`copy ${copies + 1}, before its first byte: ${said}`)
        else if (said.includes("unexpected EOF")) short += 1
        else faults.push(`copy ${copies + 1}: ${said}`)
      }
      arrivals.push(performance.now())
      await rm(file, { force: true })
    }
  })()
  copying.catch((error) => faults.push(String(error)))
  return {
    name,
    arrivals,
    get pid() {
      return pid
    },
    get copies() {
      return { all: copies, cutInCluster }
    },
    started: started.promise,
    async finish() {
      finishing = true
      await copying
      await rm(folder, { recursive: true, force: true })
      for (let left = short; left > 0; left -= 1) {
        const by = takeShort()
        if (by === "cluster") cutInCluster += 1
        else faults.push(by === "before-us" ? "a copy was short when it reached the auth proxy" : "a copy ended short")
      }
      return {
        name,
        carried: `${copies} copies of ${megabytes} MB`,
        lost: faults.length === 0 ? undefined : faults.slice(0, 2).join("; "),
        copies: this.copies,
      }
    },
  }
}

const sha256Of = async (file: string): Promise<string> => {
  const sum = createHash("sha256")
  await pipeline(createReadStream(file), sum)
  return sum.digest("hex")
}
