import { type ChildProcess, spawn } from "node:child_process"
import { printable } from "../printable.ts"
import { killedBy } from "./endedBySignal.ts"
import { takeSignals } from "./takeSignals.ts"

/** Exit codes of env(1) and of shells, which scripts know. */
const cannotExecute = 126
const notFound = 127
const noFormat = ": a script needs a first line such as #!/bin/sh"

/** What steers this program, or is a credential of ours: no business of the child's. */
const ours = /^(CLUSTERCONNECT_.*TOKEN.*|BUN_.*)$/

/** The environment for the child: ours without our tokens and what steers Bun, and the kubeconfig. */
export const childEnvironment = (
  environment: Readonly<Record<string, string | undefined>>,
  kubeconfig: string,
): Record<string, string | undefined> => ({
  ...Object.fromEntries(Object.entries(environment).filter(([name]) => !ours.test(name))),
  KUBECONFIG: kubeconfig,
})

type Streams = readonly { readonly isTTY?: boolean }[]

/** Whether Ctrl-C reaches our whole process group by itself: a pipe at one of the standard streams does not take us off the terminal. */
export const onTerminal = (streams: Streams = [process.stdin, process.stdout, process.stderr]): boolean =>
  streams.some(({ isTTY }) => isTTY === true)

/**
 * Runs a program on our standard streams until it ends: its exit code, 128 and the signal that ended it, 126 when it cannot be
 * executed, 127 when there is none, which is said on stderr. Signals to us go on to it and do nothing else: we end when it ends. Ctrl-C
 * on a terminal reaches it by itself.
 */
export const runChild = (
  [program = "", ...args]: readonly string[],
  environment: Record<string, string | undefined>,
): Promise<number> =>
  new Promise((resolve) => {
    const unstarted = ({ code, message }: NodeJS.ErrnoException): number => {
      const missing = code === "ENOENT" || program === ""
      const why = missing ? "not found" : `cannot be executed (${code ?? message})${code === "ENOEXEC" ? noFormat : ""}`
      process.stderr.write(`clusterconnect: ${printable(program)}: ${why}\n`)
      return missing ? notFound : cannotExecute
    }
    let child: ChildProcess
    try {
      child = spawn(program, args, { stdio: "inherit", env: environment })
    } catch (error) {
      // What Node tells by an event, Bun throws for some reasons.
      return resolve(unstarted(error as NodeJS.ErrnoException))
    }
    const undo = takeSignals((signal) => {
      if (signal !== "SIGINT" || !onTerminal()) child.kill(signal)
    })
    const over = (code: number) => {
      undo()
      resolve(code)
    }
    child.once("error", (error) => over(unstarted(error)))
    child.once("exit", (code, signal) => over(code ?? killedBy(signal ?? "SIGKILL")))
  })
