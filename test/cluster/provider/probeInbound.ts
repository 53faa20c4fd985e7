import net from "node:net"
import type { Finished } from "../process/runProgram.ts"

/** What a dial of the API server did from outside, and from inside as the control: a dead server looks closed too. */
export interface InboundProbe {
  readonly fromOutside: DialOutcome
  readonly fromInside: DialOutcome
  /** True only when the inside dial connected and the outside one did not. */
  readonly closed: boolean
}

export type DialOutcome = "connected" | "refused" | "timed out" | "unreachable"

/** On a veth pair an open port answers within a millisecond; a dropped SYN is sent again after one second. */
const DIAL_MILLIS = 1_500

export async function probeInbound(
  host: string,
  port: number,
  runInside: (command: string, args: readonly string[]) => Promise<Finished>,
): Promise<InboundProbe> {
  const [fromOutside, inside] = await Promise.all([
    dial(host, port),
    runInside(process.execPath, [import.meta.path, host, `${port}`]),
  ])
  const fromInside = (inside.stdout.trim() || "unreachable") as DialOutcome
  return { fromOutside, fromInside, closed: fromInside === "connected" && fromOutside !== "connected" }
}

export function dial(host: string, port: number): Promise<DialOutcome> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port })
    const finish = (outcome: DialOutcome) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(outcome)
    }
    const timer = setTimeout(() => finish("timed out"), DIAL_MILLIS)
    socket.once("connect", () => finish("connected"))
    socket.once("error", (error: NodeJS.ErrnoException) =>
      finish(error.code === "ECONNREFUSED" ? "refused" : error.code === "ETIMEDOUT" ? "timed out" : "unreachable"),
    )
  })
}

// Also a program, so that the same dial can be made from inside.
if (import.meta.main) {
  const [host, port] = process.argv.slice(2)
  process.stdout.write(`${await dial(host!, Number(port))}\n`)
}
