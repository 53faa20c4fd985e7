import type { Cluster } from "../../cluster/Cluster.ts"
import { mustRun } from "../../cluster/process/runProgram.ts"
import type { Program } from "../../world/Program.ts"

/** The port of a program's health listener, from its log; undefined for one that has none, as a user's proxy. */
const healthPort = ({ log }: Program): number | undefined => {
  const line = log.findLast((text) => text.includes('"listener":"health"'))
  return line === undefined ? undefined : (JSON.parse(line) as { readonly port: number }).port
}

/** What a program tells whoever asks at its health port: `/metrics` and `/status`. `within`: it runs inside this cluster's namespace. */
export const healthPages = async (
  program: Program,
  within?: Cluster,
): Promise<{ readonly metrics: string; readonly status: string } | undefined> => {
  const port = healthPort(program)
  if (port === undefined) return undefined
  const page = async (path: string): Promise<string> => {
    const script = `process.stdout.write(await (await fetch("http://127.0.0.1:${port}${path}")).text())`
    const command = [process.execPath, ["-e", script]] as const
    return within === undefined ? mustRun(...command) : (await within.run(...command)).stdout
  }
  return { metrics: await page("/metrics"), status: await page("/status") }
}
