import { type ChildProcess, spawn } from "node:child_process"
import { ours, prefixed } from "./ours.ts"
import { follow, type Program } from "./Program.ts"

/** Follows programs of a world and ends them with it, the last one first. */
export interface Starter {
  readonly followed: (name: string, child: ChildProcess) => Program
  /** Starts one of our programs outside the cluster. `within`: a command that starts it elsewhere, as in a network namespace. */
  readonly outside: (
    name: string,
    program: Parameters<typeof ours>[0],
    args: readonly string[],
    env?: NodeJS.ProcessEnv,
    within?: readonly string[],
  ) => Program
}

export const starter = (stack: AsyncDisposableStack): Starter => {
  const followed: Starter["followed"] = (name, child) => {
    const program = follow(name, child)
    stack.defer(async () => void (await program.stop()))
    return program
  }
  return {
    followed,
    outside: (name, program, args, env = {}, within = []) => {
      const [command, rest] = prefixed(within, ...ours(program, args))
      const child = spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } })
      return followed(name, child)
    },
  }
}
