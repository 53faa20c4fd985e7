import { createInterface } from "node:readline"
import { end, type Side } from "../../e2e/sides.ts"
import { namespace, talkScript } from "../faultObjects.ts"
import { type Protocol, protocols, type Session } from "./Session.ts"

const typingMillis = 400

interface LineSessionOptions {
  readonly name: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Types a line every 0.4 s and expects each back once, in order. */
  readonly typing: boolean
  /** Lines that begin so carry a number that grows by one. */
  readonly counter: string
}

/** A kubectl whose lines carry a counter without a gap, and perhaps the echo of what is typed. */
const lineSession = (side: Side, options: LineSessionOptions): Session => {
  const child = side.spawn(options.args, options.env)
  const arrivals: number[] = []
  const errors: string[] = []
  const faults: string[] = []
  const firstLine = Promise.withResolvers<void>()
  let count: number | undefined
  let echoed = 0
  let typed = 0
  let finishing = false
  const typist = options.typing
    ? setInterval(() => {
        typed += 1
        child.stdin?.write(`typed-${typed}\n`)
      }, typingMillis)
    : undefined
  child.stdin?.on("error", () => {})
  child.stderr?.on("data", (chunk) => errors.push(String(chunk)))
  createInterface({ input: child.stdout! }).on("line", (line) => {
    arrivals.push(performance.now())
    if (line.startsWith("echo ")) {
      echoed += 1
      if (line !== `echo typed-${echoed}`) faults.push(`"${line}" instead of "echo typed-${echoed}"`)
      return
    }
    const number = Number(line.slice(options.counter.length))
    if (!line.startsWith(options.counter) || !Number.isInteger(number)) return void faults.push(`the line "${line}"`)
    if (count !== undefined && number !== count + 1) faults.push(`${number} after ${count}`)
    count = number
    firstLine.resolve()
  })
  child.once("exit", (code, signal) => {
    clearInterval(typist)
    if (!finishing) faults.push(`kubectl ended (${signal ?? code}): ${errors.join("").trim().slice(-300)}`)
    firstLine.reject(new Error(`${options.name}: kubectl ended (${signal ?? code}): ${errors.join("")}`))
  })
  return {
    name: options.name,
    arrivals,
    started: firstLine.promise,
    async finish() {
      finishing = true
      clearInterval(typist)
      // The last line typed may still be on its way.
      for (let looks = 0; looks < 50 && echoed < typed; looks += 1)
        await new Promise((resolve) => setTimeout(resolve, 100))
      if (echoed < typed) faults.push(`${typed - echoed} typed lines were never echoed`)
      await end(child, "SIGKILL")
      return {
        name: options.name,
        carried: `${arrivals.length} lines${options.typing ? `, ${echoed} echoes` : ""}`,
        lost: faults.length === 0 ? undefined : faults.slice(0, 3).join("; "),
      }
    },
  }
}

export const execSession = (side: Side, protocol: Protocol): Session =>
  lineSession(side, {
    name: `exec ${protocol}`,
    args: ["exec", "-i", "-n", namespace, "shell", "--", "sh", "-c", talkScript],
    env: protocols[protocol],
    typing: true,
    counter: "count ",
  })

export const attachSession = (side: Side, protocol: Protocol): Session =>
  lineSession(side, {
    name: `attach ${protocol}`,
    args: ["attach", "-i", "-n", namespace, `talker-${protocol}`],
    env: protocols[protocol],
    typing: true,
    counter: "count ",
  })

export const logsSession = (side: Side): Session =>
  lineSession(side, {
    name: "logs -f",
    args: ["logs", "-f", "--tail=1", "-n", namespace, "counter"],
    typing: false,
    counter: "count ",
  })

export const watchSession = (side: Side): Session =>
  lineSession(side, {
    name: "watch",
    // By selector: a watch of a single name left one number out behind its first line, and why is not known.
    args: [
      ...["get", "configmaps", "-l", "app=ticker", "-n", namespace, "--watch-only"],
      ...["-o", 'jsonpath=tick {.data.n}{"\\n"}'],
    ],
    typing: false,
    counter: "tick ",
  })
