import type tls from "node:tls"

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number
  readonly head: string
  readonly body: string
  /** Chunked: the trailer section. */
  readonly trailers: string
}

/** The connection ended before the answer was complete; what had come is in `received`. */
export class AnswerCut extends Error {
  override readonly name = "AnswerCut"
  readonly received: string

  constructor(received: string) {
    super(`the connection ended inside an answer: ${JSON.stringify(received.slice(0, 200))}`)
    this.received = received
  }
}

/** A client that writes bytes, not requests: what no HTTP library would send. Texts are latin1. */
export class RawConnection {
  readonly socket: tls.TLSSocket
  received = ""
  #ended = false
  readonly #waiting = new Set<() => void>()
  /** Resolves when the auth proxy has ended or cut the connection. */
  readonly ended: Promise<void>
  /** Goes away as a proxy does whose client has gone: the stream is reset. */
  readonly leave: () => void

  /** Ends the transport under the TLS, without close_notify. */
  readonly endTransport: () => void

  constructor(socket: tls.TLSSocket, transport: { readonly leave: () => void; readonly end: () => void }) {
    this.socket = socket
    this.leave = transport.leave
    this.endTransport = transport.end
    const wake = () => {
      for (const look of [...this.#waiting]) look()
    }
    this.ended = new Promise((resolve) => {
      for (const event of ["end", "error", "close"])
        socket.on(event, () => {
          this.#ended = true
          wake()
          resolve()
        })
    })
    socket.on("data", (chunk: Buffer) => {
      this.received += chunk.toString("latin1")
      wake()
    })
  }

  write(text: string): void {
    this.socket.write(text, "latin1")
  }

  /** Waits for what `read` finds in the received text and takes it out; rejects with {@link AnswerCut} when the connection ends first. */
  take<A>(read: (text: string) => readonly [A, number] | undefined): Promise<A> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = read(this.received)
        if (found === undefined && !this.#ended) return
        this.#waiting.delete(look)
        if (found === undefined) return reject(new AnswerCut(this.received))
        this.received = this.received.slice(found[1])
        resolve(found[0])
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** The next answer. `bodiless` for HEAD and after 101. */
  answer(bodiless = false): Promise<RawAnswer> {
    return this.take((text) => parse(text, bodiless))
  }

  ask(text: string, bodiless = false): Promise<RawAnswer> {
    this.write(text)
    return this.answer(bodiless)
  }

  /** Waits until the text has come. */
  async until(text: string): Promise<void> {
    await this.take((received) => (received.includes(text) ? [undefined, 0] : undefined))
  }
}

const parse = (text: string, bodiless: boolean): readonly [RawAnswer, number] | undefined => {
  const end = text.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const head = text.slice(0, end + 4)
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])
  const start = end + 4
  if (bodiless || status === 101 || status === 204 || status === 304)
    return [{ status, head, body: "", trailers: "" }, start]
  const length = /^content-length: (\d+)\r$/im.exec(head)?.[1]
  if (length !== undefined) {
    const until = start + Number(length)
    return text.length < until ? undefined : [{ status, head, body: text.slice(start, until), trailers: "" }, until]
  }
  if (!/^transfer-encoding: chunked\r$/im.test(head)) return undefined
  let at = start
  let body = ""
  for (;;) {
    const line = text.indexOf("\r\n", at)
    if (line < 0) return undefined
    const size = Number.parseInt(text.slice(at, line), 16)
    at = line + 2
    if (size === 0) break
    if (text.length < at + size + 2) return undefined
    body += text.slice(at, at + size)
    at += size + 2
  }
  const last = text.indexOf("\r\n", at) === at ? at : text.indexOf("\r\n\r\n", at)
  if (last < 0) return undefined
  const trailers = last === at ? "" : text.slice(at, last + 2)
  return [{ status, head, body, trailers }, last === at ? at + 2 : last + 4]
}
