/**
 * A client of exec that never sends a byte once its session is open: no ping, no answer. It stops itself when so many bytes have come, until somebody lets it
 * go on. Standard input: JSON {@link SilentExec}. Prints `stopped`, then at the end JSON {@link SilentEnd}.
 */
import { createHash } from "node:crypto"
import { connectWebSocket, trustedRoots } from "../../platform/outbound.ts"

export interface SilentExec {
  readonly url: string
  readonly ca: string
  readonly token: string
  readonly stopAtBytes: number
}
export interface SilentEnd {
  readonly bytes: number
  readonly sha256: string
  /** What the API server said last, and how it closed. */
  readonly said: string
}

if (import.meta.main) {
  const { url, ca, token, stopAtBytes } = (await Bun.stdin.json()) as SilentExec
  const socket = await connectWebSocket(url, {
    ca: trustedRoots({ pem: [ca] }),
    protocols: ["v5.channel.k8s.io"],
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(60_000),
  })
  const hash = createHash("sha256")
  let [bytes, status, hasStopped] = [0, "", false]
  socket.on("message", (data: Buffer) => {
    // The first byte is the channel: 1 is standard output, 3 the status.
    if (data[0] === 3) status = data.subarray(1).toString()
    if (data[0] !== 1) return
    hash.update(data.subarray(1))
    bytes += data.length - 1
    if (hasStopped || bytes < stopAtBytes) return
    hasStopped = true
    process.stdout.write("stopped\n", () => process.kill(process.pid, "SIGSTOP"))
  })
  socket.on("error", () => {})
  socket.on("close", (code: number) => {
    const end: SilentEnd = { bytes, sha256: hash.digest("hex"), said: `${status} closed with ${code}` }
    process.stdout.write(`${JSON.stringify(end)}\n`, () => process.exit(0))
  })
}
