/** Before every prompt, so that one is told from the same characters in an output. */
const mark = "\u001e"
const escapes = /\u001b\[[0-9;?]*[A-Za-z]/g
/** Longer than anything in a session takes on a busy machine. */
const limitMillis = 120_000

/** A person's terminal: a real one, with a shell in it, whose keys are pressed by a script. */
export class Shell implements AsyncDisposable {
  readonly #terminal: Bun.Terminal
  readonly #child: Bun.Subprocess
  readonly #looks = new Set<() => void>()
  #text = ""
  #taken = 0

  constructor(folder: string, environment: Readonly<Record<string, string>>) {
    const decoder = new TextDecoder()
    this.#terminal = new Bun.Terminal({
      // Wide, so that nothing is broken where a reader's page is not.
      cols: 200,
      rows: 50,
      data: (_, data) => {
        this.#text += decoder.decode(data, { stream: true })
        for (const look of [...this.#looks]) look()
      },
    })
    // Its own session, whose terminal this is: so Ctrl-C goes to what runs in the foreground.
    this.#child = Bun.spawn(["setsid", "--ctty", "--wait", "/bin/sh", "-i"], {
      cwd: folder,
      env: { ...environment, PS1: `${mark}$ `, PS2: "> ", TERM: "dumb", NO_COLOR: "1" },
      terminal: this.#terminal,
    })
  }

  /** Types a line and waits for what matches behind it; rejects with all that was seen when that does not come. */
  type(line: string, expected: RegExp): Promise<RegExpExecArray> {
    return this.press(`${line}\n`, expected)
  }

  /** As {@link type}, without the return key. */
  press(keys: string, expected: RegExp): Promise<RegExpExecArray> {
    const from = this.#text.length
    this.#terminal.write(keys)
    return this.#until(expected, from)
  }

  /** Types a command and waits until it has ended. */
  async command(line: string): Promise<void> {
    await this.type(line, prompt)
  }

  /** Waits for the first prompt. */
  async ready(): Promise<void> {
    await this.#until(prompt, 0)
  }

  /** What is on the terminal since this was asked for last, as a person sees it. */
  take(): string {
    const text = this.#text
      .slice(this.#taken)
      .replace(escapes, "")
      .split(/\r*\n/)
      // What a carriage return leads back to is written over.
      .map((line) => line.slice(line.lastIndexOf("\r") + 1))
      .join("\n")
    // The prompt that waits now belongs to what is typed next.
    const next = text.endsWith(`${mark}$ `) ? 3 : 0
    this.#taken = this.#text.length
    const shown = `${this.#waiting}${text.slice(0, text.length - next)}`
    this.#waiting = next > 0 ? `${mark}$ ` : ""
    return shown.replaceAll(mark, "").trimEnd()
  }
  #waiting = ""

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL")
    await this.#child.exited
    this.#terminal.close()
  }

  #until(expected: RegExp, from: number): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const done = (finish: () => void) => {
        this.#looks.delete(look)
        clearTimeout(timer)
        finish()
      }
      const look = () => {
        const found = expected.exec(this.#text.slice(from))
        if (found !== null) done(() => resolve(found))
      }
      const timer = setTimeout(
        () => done(() => reject(new Error(`not seen within ${limitMillis} ms: ${expected}\n${this.#text}`))),
        limitMillis,
      )
      this.#looks.add(look)
      look()
    })
  }
}

export const prompt = /\u001e\$ $/
