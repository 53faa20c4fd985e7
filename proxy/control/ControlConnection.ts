import net from "node:net"
import { Data, Either, Schema } from "effect"
import { type Ask, CredentialAnswer, maxAnswerBytes, ProxyStatus, StopAnswer } from "./controlMessages.ts"
import type { ControlPlace } from "./controlPlace.ts"

/** Nobody listens there any more: the proxy was killed, or has just ended. */
export class ProxyGone extends Data.TaggedError("ProxyGone")<{ readonly place: ControlPlace }> {}

/** Something is there and does not answer as a proxy does. */
export class ProxySilent extends Data.TaggedError("ProxySilent")<{
  readonly place: ControlPlace
  readonly why: string
}> {
  override get message(): string {
    return `the proxy with pid ${this.place.pid} does not answer at ${this.place.file} (${this.why})`
  }
}

/** A proxy answers from memory, in milliseconds; a machine that is busy or just awake may need a while. */
const answerMillis = 10_000

/** A connection to one running proxy. It is what listens there that answers, whatever process ids were used again. */
export class ControlConnection implements Disposable {
  readonly #place: ControlPlace
  readonly #socket: net.Socket
  readonly #answerMillis: number
  #text = ""
  #wake: () => void = () => {}
  #closed = false

  private constructor(place: ControlPlace, socket: net.Socket, millis: number) {
    this.#place = place
    this.#answerMillis = millis
    this.#socket = socket
    socket.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("utf8")
      if (this.#text.length > maxAnswerBytes) socket.destroy()
      this.#wake()
    })
    socket.on("error", () => socket.destroy())
    socket.once("close", () => {
      this.#closed = true
      this.#wake()
    })
  }

  /** The time is for the connection and each answer. @throws {ProxyGone} or {@link ProxySilent} */
  static open(place: ControlPlace, millis = answerMillis): Promise<ControlConnection> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(place.address)
      const timer = setTimeout(() => socket.destroy(silent(place, "no connection")), millis)
      const failed = (error: Error) => {
        clearTimeout(timer)
        const code = (error as NodeJS.ErrnoException).code ?? error.message
        const gone = code === "ECONNREFUSED" || code === "ENOENT"
        reject(gone ? new ProxyGone({ place }) : error instanceof ProxySilent ? error : silent(place, code))
      }
      socket.once("error", failed)
      socket.once("connect", () => {
        clearTimeout(timer)
        socket.off("error", failed)
        resolve(new ControlConnection(place, socket, millis))
      })
    })
  }

  async status(): Promise<ProxyStatus> {
    return await this.#ask({ ask: "status" }, ProxyStatus)
  }

  /** The session credential for a cluster; undefined when the proxy does not serve it now. */
  async credential(cluster: string): Promise<string | undefined> {
    const answer = await this.#ask({ ask: "credential", cluster }, Schema.partial(CredentialAnswer))
    return answer.credential
  }

  /** Resolves when the proxy has understood that it shall end. */
  async stop(): Promise<void> {
    await this.#ask({ ask: "stop" }, StopAnswer)
  }

  /** Whether the process has ended within the time: the kernel closes its connections then, and a proxy no sooner. */
  async gone(withinMillis: number): Promise<boolean> {
    return await this.#until(() => this.#closed, withinMillis)
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  async #ask<A, I>(ask: Ask, answer: Schema.Schema<A, I>): Promise<A> {
    this.#socket.write(`${JSON.stringify(ask)}\n`)
    const answered = await this.#until(() => this.#closed || this.#text.includes("\n"), this.#answerMillis)
    const end = this.#text.indexOf("\n")
    // It ended between the connection and the answer.
    if (answered && end < 0) throw new ProxyGone({ place: this.#place })
    if (end < 0) throw silent(this.#place, `no answer within ${this.#answerMillis / 1000} s`)
    const line = this.#text.slice(0, end)
    this.#text = this.#text.slice(end + 1)
    return Either.getOrThrowWith(Schema.decodeEither(Schema.parseJson(answer))(line), () =>
      silent(this.#place, "its answer is not understood: is it of another version?"),
    )
  }

  #until(condition: () => boolean, withinMillis: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (met: boolean) => {
        clearTimeout(timer)
        this.#wake = () => {}
        resolve(met)
      }
      const timer = setTimeout(() => settle(false), withinMillis)
      this.#wake = () => {
        if (condition()) settle(true)
      }
      this.#wake()
    })
  }
}

const silent = (place: ControlPlace, why: string) => new ProxySilent({ place, why })
