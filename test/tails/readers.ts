import { createHash } from "node:crypto"
import { once } from "node:events"
import { rmSync, statSync } from "node:fs"
import { createInterface } from "node:readline"
import { setTimeout as after } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import type { Cluster } from "../cluster/Cluster.ts"
import type { Side } from "../e2e/sides.ts"
import { namespace } from "../fault/faultObjects.ts"
import { signalled } from "../fault/faults.ts"
import { type Protocol, protocols } from "../fault/sessions/Session.ts"
import { sha256Of } from "./sha256Of.ts"
import type { SilentEnd, SilentExec } from "./silentExec.ts"

/** What came out of a pod into a reader that lags behind the server. */
export interface Reading {
  readonly bytes: number
  readonly sha256: string
  readonly code: number | null
  readonly said: string
}

/** So slow that 16 MB take longer than two of kubectl's pings. */
const bytesPerMilli = 1_300
/** Longer than the 5 s between kubectl's pings: the first thing that it does when it goes on is to send one. */
const stoppedMillis = 6_000
const lookMillis = 5

/** `kubectl exec -- head -c` into a reader that stops after every piece. */
export const slowExec = async (side: Side, protocol: Protocol, bytes: number): Promise<Reading> => {
  const args = ["exec", "-n", namespace, "files", "--", "head", "-c", `${bytes}`, "/www/data"]
  const child = side.spawn(args, protocols[protocol])
  const exited = once(child, "exit") as Promise<[number | null]>
  const hash = createHash("sha256")
  const output = child.stdout!
  let said = ""
  child.stderr!.on("data", (chunk) => {
    said += chunk
  })
  let got = 0
  output.on("data", (piece: Buffer) => {
    hash.update(piece)
    got += piece.byteLength
    output.pause()
    setTimeout(() => output.resume(), piece.byteLength / bytesPerMilli)
  })
  await once(output, "end")
  const [code] = await exited
  return { bytes: got, sha256: hash.digest("hex"), code, said }
}

/**
 * `head -c` by exec over WebSocket, beside the API server, into a client that stands still at this byte and never sends one: whatever is missing was lost
 * between the API server and the container.
 */
export const silentExec = async (
  cluster: Cluster,
  token: string,
  bytes: number,
  stopAtBytes: number,
): Promise<Reading> => {
  const command = ["head", "-c", `${bytes}`, "/www/data"].map((word) => `command=${encodeURIComponent(word)}`)
  const url = `${cluster.api.url.replace(/^http/, "ws")}/api/v1/namespaces/${namespace}/pods/files/exec?stdout=true&${command.join("&")}`
  const asked: SilentExec = { url, ca: cluster.caPem, token, stopAtBytes }
  const program = fileURLToPath(new URL("silentExec.ts", import.meta.url))
  const child = cluster.spawn(process.execPath, [program], { stdio: "pipe" })
  child.stdin!.end(JSON.stringify(asked))
  const exited = once(child, "close") as Promise<[number | null]>
  let said = ""
  child.stderr!.on("data", (chunk) => {
    said += chunk
  })
  const printed = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  if ((await printed.next()).value === "stopped") {
    await after(stoppedMillis)
    process.kill(child.pid!, "SIGCONT")
  }
  const line = (await printed.next()).value
  const [code] = await exited
  const end: SilentEnd = line === undefined ? { bytes: 0, sha256: "", said } : JSON.parse(line)
  return { ...end, code }
}

/** A program stands still for longer than a ping's time. */
export const stopped = async (pid: number): Promise<void> => {
  const stood = signalled(pid, "SIGSTOP")
  await after(stoppedMillis)
  // Its last bytes may come faster than its file is looked at: such a copy has shown nothing.
  if (!stood || !signalled(pid, "SIGCONT")) console.error("tails: it ended before it could be stopped")
}

/** `kubectl cp` to which something is done when this much of the file has come. */
export const disturbedCopy = async (
  side: Side,
  protocol: Protocol,
  file: string,
  disturb: { readonly atBytes: number; readonly how: (kubectl: number) => Promise<void> },
): Promise<Reading> => {
  const child = side.spawn(["cp", "-n", namespace, "files:www/data", file, "--retries=0"], protocols[protocol])
  const exited = once(child, "exit") as Promise<[number | null]>
  let said = ""
  child.stdout!.resume()
  child.stderr!.on("data", (chunk) => {
    said += chunk
  })
  const bytesNow = () => statSync(file, { throwIfNoEntry: false })?.size ?? 0
  while (child.exitCode === null && bytesNow() < disturb.atBytes) await after(lookMillis)
  await disturb.how(child.pid!)
  const [code] = await exited
  const reading = { bytes: bytesNow(), sha256: await sha256Of(file), code, said }
  rmSync(file, { force: true })
  return reading
}
