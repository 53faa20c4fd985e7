import { type ChildProcessByStdio, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { redact } from "../../platform/logs.ts"
import { NotAuthenticated, UsageWrong } from "../failures.ts"
import type { Issuing } from "./Issuing.ts"

/** A person may have to answer the command's own questions; a script that hangs must end some time. */
const commandMillis = 120_000
/** From its end to that of what it says on stderr. */
const lastWordsMillis = 1_000
const maxOutputBytes = 64 * 1024
/** Nothing that carries another secret of ours, and nothing that makes a Bun program something else. */
const keptFromCommands =
  /^(CLUSTERCONNECT_(RELAY_)?TOKEN(_FILE)?|CLUSTERCONNECT_ID_TOKEN.*|BUN_OPTIONS|BUN_BE_BUN|BUN_INSPECT.*)$/

/**
 * The program and arguments of `--token-command`: a JSON list of words, or words separated by blanks. No shell ever reads it, so
 * text that expects one is refused. @throws {UsageWrong}
 */
export const commandWords = (text: string): readonly [string, ...string[]] => {
  const wrong = (why: string) =>
    new UsageWrong({
      detail: `--token-command or CLUSTERCONNECT_TOKEN_COMMAND: ${why}. Expected PROGRAM ARGUMENT…, or a JSON list of words; {audience} stands for the audience`,
    })
  const words = text.trim().startsWith("[") ? jsonWords(text) : text.split(/\s+/).filter((word) => word !== "")
  if (words === undefined) throw wrong("it is not a JSON list of texts")
  const [program, ...rest] = words
  if (program === undefined || program === "") throw wrong("it is empty")
  if (!text.trim().startsWith("[") && /["'`|&;<>$\\]/.test(text))
    throw wrong("there is no shell that would understand quotes, pipes or variables: use a JSON list")
  return [program, ...rest]
}

const jsonWords = (text: string): string[] | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && value.every((word) => typeof word === "string") ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * What may stand in a command's words: a word may be a shell's script or a program's option, and an audience need not be the user's
 * own text. Any other audience is only in CLUSTERCONNECT_AUDIENCE.
 */
const wordOfCommand = /^[A-Za-z0-9][A-Za-z0-9:/._~-]*$/

/** Runs the command whenever a token is needed; the audience is in `{audience}` and in CLUSTERCONNECT_AUDIENCE. */
export const tokenCommand = (
  words: readonly [string, ...string[]],
  environment: Readonly<Record<string, string | undefined>>,
): Issuing => {
  const described = `the token command ${words[0]}`
  return {
    described,
    issuer: undefined,
    mint: async (audience) => {
      if (words.some((word) => word.includes("{audience}")) && !wordOfCommand.test(audience))
        throw refused(
          described,
          `the audience ${JSON.stringify(audience)} could be more than a word of it, so it was not run: take it from "$CLUSTERCONNECT_AUDIENCE" in place of {audience}`,
        )
      return tokenFrom(await output(words, audience, environment, described), described)
    },
  }
}

const refused = (described: string, detail: string) =>
  new NotAuthenticated({ hop: "identity-provider", cause: "TokenCommandFailed", detail: `${described}: ${detail}` })

const unstarted = ({ code }: NodeJS.ErrnoException): string =>
  code === "ENOENT" ? "no such program" : `it cannot be executed (${code ?? "it did not start"})`

const output = (
  words: readonly [string, ...string[]],
  audience: string,
  environment: Readonly<Record<string, string | undefined>>,
  described: string,
) =>
  new Promise<string>((resolve, reject) => {
    const [program, ...rest] = words.map((word) => word.replaceAll("{audience}", audience))
    const env = Object.fromEntries(Object.entries(environment).filter(([name]) => !keptFromCommands.test(name)))
    let child: ChildProcessByStdio<null, Readable, Readable | null>
    try {
      child = spawn(program ?? "", rest, {
        env: { ...env, CLUSTERCONNECT_AUDIENCE: audience },
        // Its words for a person belong on stderr; in a log they are no place for a token.
        stdio: ["ignore", "pipe", process.stderr.isTTY ? "inherit" : "pipe"],
        shell: false,
        windowsHide: true,
      }) as typeof child
    } catch (error) {
      // What Node tells by an event, Bun throws for some reasons.
      return reject(refused(described, unstarted(error as NodeJS.ErrnoException)))
    }
    if (child.stderr !== null)
      createInterface({ input: child.stderr }).on("line", (line) => process.stderr.write(`${redact(line)}\n`))
    const chunks: Buffer[] = []
    let length = 0
    const settle = (body: () => void) => {
      clearTimeout(timer)
      // Something that the command started may still hold the pipe: it gets no reader.
      child.stdout.destroy()
      body()
    }
    const end = (reason: string) => {
      child.kill("SIGKILL")
      settle(() => reject(refused(described, reason)))
    }
    const timer = setTimeout(() => end(`no token within ${commandMillis / 1000} s`), commandMillis)
    child.stdout.on("data", (chunk: Buffer) => {
      length += chunk.length
      if (length > maxOutputBytes) end(`more than ${maxOutputBytes} bytes, expected one token`)
      else chunks.push(chunk)
    })
    child.on("error", (error) => end(unstarted(error)))
    let stdoutOver = false
    let ended: (() => void) | undefined
    // It may have started something that keeps its stderr open: an agent, a cache.
    const over = () => {
      if (stdoutOver && ended !== undefined) setTimeout(ended, lastWordsMillis)
    }
    child.stdout.on("end", () => {
      stdoutOver = true
      over()
    })
    child.on("exit", (code, signal) => {
      ended = () => finish(code, signal)
      over()
    })
    child.on("close", (code, signal) => finish(code, signal))
    const finish = (code: number | null, signal: NodeJS.Signals | null) => {
      if (code !== 0) end(`it ended with ${code ?? signal}`)
      else settle(() => resolve(Buffer.concat(chunks).toString("utf8").trim()))
    }
  })

/** Plain text, or an ExecCredential as Kubernetes' exec plugins print it (client.authentication.k8s.io). */
const tokenFrom = (text: string, described: string): string => {
  const token = text.startsWith("{") ? execCredentialToken(text) : text
  if (token === undefined) throw refused(described, "it printed JSON that is no ExecCredential with status.token")
  if (token === "") throw refused(described, "it printed nothing")
  if (/\s/.test(token)) throw refused(described, "it printed more than one word, expected one token")
  return token
}

const execCredentialToken = (text: string): string | undefined => {
  try {
    const value = JSON.parse(text) as { kind?: unknown; status?: { token?: unknown } }
    return value.kind === "ExecCredential" && typeof value.status?.token === "string" ? value.status.token : undefined
  } catch {
    return undefined
  }
}
