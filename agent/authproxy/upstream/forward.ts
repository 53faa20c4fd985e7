import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http"
import { Either } from "effect"
import { releaseBody, stopReading } from "../../../platform/tlsListener.ts"
import type { Account } from "../exchange/Account.ts"
import type { AdmissionRefusal, Admitted } from "../exchange/admit.ts"
import { discardRest, isUnread, refuse } from "../exchange/answer.ts"
import { longRunning } from "../exchange/longRunning.ts"
import type { MemoryRelief } from "../exchange/MemoryRelief.ts"
import type { ApiServer } from "./ApiServer.ts"
import { mayRetry, silenceRefusal, upstreamRefusal } from "./failure.ts"
import { ApiServerAnswerRefused, ServiceAccountRefused } from "./refusals.ts"
import { requestHeaders } from "./requestHeaders.ts"
import { isDelimited, isFinalStatus, responseHeaders, serverValue } from "./responseHeaders.ts"

export interface Passage {
  readonly admitted: Admitted
  readonly api: ApiServer
  readonly account: Account
  readonly clientAddress: string
  readonly maxSessionMillis: number
  readonly relief: MemoryRelief
  /** Ends the client's connection and its stream with a reset: the other end must not see a proper end. */
  readonly abort: (why: string) => void
}

/** Sends a plain request to the API server and its answer back, both as streams with back pressure. */
export const forward = (passage: Passage, request: IncomingMessage, response: ServerResponse): void => {
  new Exchange(passage, request, response).start()
}

/** One plain request under way. Whatever ends it, ends both sides; only a complete answer ends the response properly. */
class Exchange {
  readonly #passage: Passage
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  #upstream: ClientRequest | undefined
  #sessionEnd: ReturnType<typeof setTimeout> | undefined
  #endWatch: (() => void) | undefined
  #endRelief: (() => void) | undefined
  #answered = false
  #over = false
  /** Nobody takes the rest of the upload any more. */
  #discarding = false

  constructor(passage: Passage, request: IncomingMessage, response: ServerResponse) {
    this.#passage = passage
    this.#request = request
    this.#response = response
  }

  start(): void {
    const { account, maxSessionMillis } = this.#passage
    this.#response.sendDate = false
    this.#response.once("close", () => {
      const complete = this.#response.writableFinished
      this.#finish()
      account.settle(complete ? undefined : "client-gone")
    })
    this.#sessionEnd = setTimeout(() => this.#expire("session-limit"), maxSessionMillis)
    this.#endRelief = this.#passage.relief.add({
      caller: account.subjectHash,
      waiting: () => Math.max(this.#response.writableLength, this.#upstream?.writableLength ?? 0),
      cut: () => this.#expire("memory-short"),
    })
    this.#send(true)
    this.#pumpBody()
    this.#watchForSilence()
  }

  /** From here on: a first connection has its own time. */
  #watchForSilence(): void {
    const { admitted, api } = this.#passage
    const { method, target } = admitted.incoming
    if (this.#over || longRunning(target)) return
    this.#endWatch = api.signOfLife.watch(() => {
      if (!this.#answered) this.#refuse(silenceRefusal(method))
    })
  }

  #send(first: boolean): void {
    const { admitted, api, account, clientAddress } = this.#passage
    const { method, target } = admitted.incoming
    const headers = requestHeaders(admitted, api, { auditId: account.auditId, clientAddress })
    if (Either.isLeft(headers)) return void this.#refuse(headers.left)
    account.sentAs(admitted.caller)
    const upstream = api.request({ method, target, headers: headers.right })
    this.#upstream = upstream
    upstream.on("error", (error: NodeJS.ErrnoException) => {
      if (upstream !== this.#upstream || this.#over) return
      if (this.#answered) return this.#cut("api-server-connection-lost")
      if (first && mayRetry(upstream, { method, body: admitted.body }, error)) return this.#send(false)
      this.#refuse(upstreamRefusal(api, upstream, method, error))
    })
    upstream.on("response", (answer) => this.#answer(answer))
    upstream.on("upgrade", (_answer, socket) => {
      socket.destroy()
      this.#refuse(new ApiServerAnswerRefused({ detail: "it switched protocols without being asked" }))
    })
    if (admitted.body.kind === "none") upstream.end()
    // Else the head would wait for the first byte of the body. (flushHeaders() would write names beyond ASCII wrongly: it encodes twice.)
    else upstream.write(Buffer.alloc(0))
  }

  /** The upload. Its last chunk is written only when the client's body is complete: half an object must never be applied. */
  #pumpBody(): void {
    const { admitted, account } = this.#passage
    const request = this.#request
    const upstream = this.#upstream
    const aborted = () => {
      if (!request.complete) this.#cut("client-aborted")
    }
    request.on("error", aborted)
    request.once("close", aborted)
    if (admitted.body.kind === "none" || upstream === undefined || this.#over) return void request.resume()
    request.on("data", (chunk: Buffer) => {
      account.received(chunk.length)
      if (!this.#discarding && !upstream.write(chunk)) stopReading(request)
    })
    upstream.on("drain", () => releaseBody(request))
    request.once("end", () => {
      // Whoever is full at the end never drains, and the connection's next request would not be read.
      releaseBody(request)
      if (this.#discarding) return
      if (request.complete) upstream.end()
      else this.#cut("client-aborted")
    })
    releaseBody(request)
  }

  #answer(answer: IncomingMessage): void {
    const { admitted, account, api } = this.#passage
    const { method } = admitted.incoming
    const { statusCode = 0 } = answer
    if (this.#over) return void answer.destroy()
    if (statusCode === 401) {
      api.files.reread()
      return void this.#refuse(new ServiceAccountRefused({}))
    }
    // Ours could not be begun with one below 100: the server throws, and that would end every stream of this process.
    if (!isFinalStatus(statusCode))
      return void this.#refuse(new ApiServerAnswerRefused({ detail: `a request answered with ${statusCode}` }))
    if (!isDelimited(method, answer))
      return void this.#refuse(new ApiServerAnswerRefused({ detail: "it has neither a length nor chunks" }))
    this.#answered = true
    this.#endWatch?.()
    account.answered(statusCode, "api-server")
    const response = this.#response
    const unread = isUnread(this.#request) ? ["Connection", "close"] : []
    response.writeHead(statusCode, [
      ...responseHeaders(answer.rawHeaders, account.timing()).map(serverValue),
      ...unread,
    ])
    response.flushHeaders()
    answer.on("data", (chunk: Buffer) => account.sent(chunk.length))
    answer.pipe(response, { end: false })
    const cut = () => {
      if (!answer.complete) this.#cut("api-server-answer-cut")
    }
    answer.on("error", cut)
    answer.once("close", cut)
    answer.once("end", () => {
      if (!answer.complete) return this.#cut("api-server-answer-cut")
      this.#over = true
      // Trailers end here: the API server has none, and Bun's server could not send them.
      response.end()
      if (isUnread(this.#request)) this.#stopUpload()
    })
  }

  /** The API server has answered before it read everything, as with 413. */
  #stopUpload(): void {
    this.#discarding = true
    this.#upstream?.destroy()
    discardRest(this.#request)
  }

  #refuse(refused: AdmissionRefusal): void {
    if (this.#over || this.#answered) return void this.#cut(refused._tag)
    this.#over = true
    this.#discarding = true
    this.#endWatch?.()
    this.#upstream?.destroy()
    refuse(this.#request, this.#response, refused, this.#passage.account)
  }

  /** Ends both sides so that neither can take what it has for the whole. */
  #cut(why: string): void {
    if (this.#over) return
    this.#over = true
    this.#passage.account.settle(why)
    this.#finish()
    this.#upstream?.destroy()
    this.#passage.abort(why)
    this.#response.destroy()
  }

  /** Also for an answer that is complete here and that the client does not read: its connection is not kept for ever. */
  #expire(why: string): void {
    this.#cut(why)
    this.#passage.account.settle(why)
    this.#passage.abort(why)
  }

  #finish(): void {
    clearTimeout(this.#sessionEnd)
    this.#endWatch?.()
    this.#endRelief?.()
    const complete = this.#over
    this.#over = true
    if (!complete) this.#upstream?.destroy()
  }
}
