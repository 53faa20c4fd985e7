import { once } from "node:events"
import { createInterface } from "node:readline"
import { setTimeout as after } from "node:timers/promises"
import type { User } from "../world/User.ts"

/** What went on while something was changed below it. */
export interface LoadResult {
  /** Users who came meanwhile, each with a proxy and connections of their own. */
  readonly users: number
  /** What failed for them, in kubectl's words. */
  readonly failures: readonly string[]
  /** Lines that an exec, open all the time, gave back in order. */
  readonly echoes: number
  /** Its exit code after its input was closed. */
  readonly execCode: number | null
}

export interface Load {
  /** Returns when something has been done from now on: a user who began after the call, and a line that went there and back. */
  another(): Promise<void>
  stop(): Promise<LoadResult>
}

/** Between two lines of the exec: many a second are no better, and cost the two cores that all runs on. */
const paceMillis = 50

/** An exec of alice's that never pauses, and beside it one new user after the other who asks one thing. */
export const startLoad = async (alice: User, newUser: () => Promise<User>): Promise<Load> => {
  const script = 'while read -r line; do echo "$line"; done'
  const exec = alice.kubectl.spawn(["-n", "work", "exec", "-i", "shell", "--", "sh", "-c", script])
  const exited = new Promise<number | null>((resolve) => exec.once("exit", (code) => resolve(code)))
  const errors: string[] = []
  exec.stderr?.on("data", (chunk) => errors.push(String(chunk)))
  const answers = createInterface({ input: exec.stdout! })
  let running = true
  let users = 0
  let begun = 0
  let echoes = 0
  const failures: string[] = []

  const echoing = (async () => {
    while (running) {
      exec.stdin!.write(`line ${echoes}\n`)
      const answer = await Promise.race([once(answers, "line"), exited])
      if (!Array.isArray(answer) || answer[0] !== `line ${echoes}`) {
        failures.push(`exec: after ${echoes} lines ${JSON.stringify(answer)} ${errors.join("")}`)
        return
      }
      echoes += 1
      await after(paceMillis)
    }
  })()
  const coming = (async () => {
    while (running) {
      begun += 1
      try {
        const user = await newUser()
        const { code, stdout, stderr } = await user.kubectl.run(["-n", "work", "get", "pod", "shell", "-o", "name"])
        if (code !== 0 || stdout !== "pod/shell\n") failures.push(`${user.name}: ${code} ${stdout}${stderr}`)
        await user.proxy.stop()
      } catch (error) {
        failures.push(String(error))
      }
      users += 1
    }
  })()
  return {
    async another() {
      const [usersThen, echoesThen] = [begun, echoes]
      while (running && failures.length === 0 && (users <= usersThen || echoes <= echoesThen)) await after(paceMillis)
    },
    async stop() {
      running = false
      await Promise.all([echoing, coming])
      exec.stdin!.end()
      return { users, failures, echoes, execCode: await exited }
    },
  }
}
