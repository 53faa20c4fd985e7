import { expect } from "bun:test"
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import type { Cluster } from "../cluster/Cluster.ts"
import { type Finished, type RunOptions, runProgram } from "../cluster/process/runProgram.ts"
import { prefixed } from "../world/ours.ts"

/** kubectl in one of two ways, as the same user. */
export interface Side {
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<Finished>
  readonly spawn: (args: readonly string[], env?: NodeJS.ProcessEnv) => ChildProcess
}

/** The same user without us (inside, beside the API server) and with us (outside, through every hop). */
export interface Sides {
  readonly direct: Side
  readonly tunnel: Side
}

/** kubectl's own bound, so that a hang fails the test with its output instead of the runner's silence. */
const kubectlLimitMillis = 120_000

export const tunnelSide = (kubectl: string, kubeconfig: string, within: readonly string[] = []): Side => {
  const line = (args: readonly string[]) => prefixed(within, kubectl, ["--kubeconfig", kubeconfig, ...args])
  return {
    run: (args, options = {}) => runProgram(...line(args), { timeoutMillis: kubectlLimitMillis, ...options }),
    spawn: (args, env) => spawn(...line(args), { stdio: "pipe", env: { ...process.env, ...env } }),
  }
}

/** Inside, beside the API server, by the administrator's right to impersonate. */
export const directSide = (
  cluster: Cluster,
  user: { readonly username: string; readonly groups: readonly string[] },
): Side => {
  const as = ["--as", user.username, ...user.groups.flatMap((group) => ["--as-group", group])]
  const all = (args: readonly string[]) => ["--kubeconfig", cluster.adminKubeconfig, ...as, ...args]
  return {
    run: (args, options = {}) =>
      cluster.run(cluster.kubectl, all(args), { timeoutMillis: kubectlLimitMillis, ...options }),
    spawn: (args, env) => cluster.spawn(cluster.kubectl, all(args), { stdio: "pipe", env: { ...process.env, ...env } }),
  }
}

/** What both print must be the same, with the user's own addresses and times left out by `normal`. */
export const bothSay = async (
  sides: Sides,
  args: readonly string[],
  options: RunOptions & { readonly normal?: (text: string) => string } = {},
): Promise<{ readonly direct: Finished; readonly tunnel: Finished }> => {
  const { normal = (text: string) => text, ...runOptions } = options
  const direct = await sides.direct.run(args, runOptions)
  const tunnel = await sides.tunnel.run(args, runOptions)
  const said = (finished: Finished) => ({
    code: finished.code,
    stdout: normal(finished.stdout),
    stderr: normal(finished.stderr),
  })
  // Megabytes of difference help nobody: sizes first.
  expect({ bytes: said(tunnel).stdout.length, stderr: said(tunnel).stderr }).toEqual({
    bytes: said(direct).stdout.length,
    stderr: said(direct).stderr,
  })
  expect(said(tunnel).stdout === said(direct).stdout, `stdout of kubectl ${args.join(" ")} differs`).toBe(true)
  expect(tunnel.code).toBe(direct.code)
  return { direct, tunnel }
}

/** Lines of a running kubectl; `until` waits for one that contains the text. */
export const lines = (child: ChildProcess): { readonly seen: string[]; until(text: string): Promise<string> } => {
  const seen: string[] = []
  const waiting: { text: string; resolve: (line: string) => void; reject: (error: Error) => void }[] = []
  const errors: string[] = []
  child.stderr?.on("data", (chunk) => errors.push(String(chunk)))
  createInterface({ input: child.stdout! }).on("line", (line) => {
    seen.push(line)
    for (const [index, waiter] of [...waiting.entries()].reverse())
      if (line.includes(waiter.text)) waiting.splice(index, 1)[0]!.resolve(line)
  })
  child.once("exit", (code) => {
    for (const { text, reject } of waiting.splice(0))
      reject(
        new Error(`kubectl ended (${code}) before "${text}"; said: ${seen.slice(-5).join(" | ")} ${errors.join("")}`),
      )
  })
  return {
    seen,
    until: (text) => {
      const found = seen.find((line) => line.includes(text))
      return found !== undefined
        ? Promise.resolve(found)
        : new Promise((resolve, reject) => waiting.push({ text, resolve, reject }))
    },
  }
}

/** Ends a kubectl that would run for ever and waits for its end. */
export const end = (child: ChildProcess, signal: NodeJS.Signals = "SIGINT"): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once("exit", () => resolve())
    child.kill(signal)
  })
