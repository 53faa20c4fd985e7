import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { Cause, Effect, Exit, Option } from "effect"
import type { Log } from "../../../platform/logs.ts"
import { type HeadFault, holdBody } from "../../../platform/tlsListener.ts"
import { forward, type Passage } from "../upstream/forward.ts"
import { forwardUpgrade } from "../upstream/forwardUpgrade.ts"
import { Account } from "./Account.ts"
import { type AdmissionRefusal, type Admitted, admit } from "./admit.ts"
import { isUnread, refuse, refuseUpgrade } from "./answer.ts"
import type { Incoming } from "./Incoming.ts"
import type { MemoryRelief } from "./MemoryRelief.ts"
import type { Policy } from "./Policy.ts"
import {
  DuplicateHeader,
  type ExchangeRefusal,
  HostMissing,
  InternalFault,
  MalformedRequest,
  MemoryShort,
  PipeliningRefused,
  TargetNotOriginForm,
  TransferEncodingRefused,
} from "./refusals.ts"

/** What a request's connection knows about itself. */
export interface Origin {
  /** As the relay saw it. */
  readonly clientAddress: string
  /** Ends the connection and its stream with a reset. */
  readonly abort: (why: string) => void
  /** True while a plain request of this connection is not answered. */
  busy: boolean
}

/** Takes every request of every end-to-end connection through admission and on to the API server. */
export class Exchanges {
  readonly #policy: () => Policy
  readonly #relief: MemoryRelief
  readonly #log: Log

  constructor(policy: () => Policy, relief: MemoryRelief, log: Log) {
    this.#policy = policy
    this.#relief = relief
    this.#log = log
  }

  request(request: IncomingMessage, response: ServerResponse, origin: Origin): void {
    if (origin.busy) {
      // No proxy of ours does this, and Bun loses answers when it happens: nobody may be left guessing which request they got.
      this.refusedHead(request, new PipeliningRefused({}), origin)
      origin.abort("pipelined")
      return
    }
    origin.busy = true
    // Until it is known where the body goes, it stays where it is.
    if (isUnread(request)) holdBody(request)
    const answered = () => {
      origin.busy = false
    }
    response.once("finish", answered).once("close", answered)
    const incoming = incomingOf(request, false)
    const policy = this.#policy()
    const account = this.#account(incoming, policy, origin)
    // Until it is admitted nothing listens to the response; a client that leaves meanwhile is accounted all the same.
    const gone = () => {
      account.settle("client-gone")
      forget()
    }
    response.once("close", gone)
    let forget = () => {}
    forget = this.#admitted(incoming, policy, account, (refused, admitted) => {
      response.off("close", gone)
      if (request.socket.destroyed) return gone()
      if (admitted === undefined) return refuse(request, response, refused, account)
      forward(this.#passage(admitted, policy, account, origin), request, response)
    })
  }

  upgrade(request: IncomingMessage, socket: Socket, head: Buffer, origin: Origin): void {
    const incoming = incomingOf(request, true)
    const policy = this.#policy()
    const account = this.#account(incoming, policy, origin)
    // What the client sends behind its head stays in the socket.
    socket.pause()
    socket.on("error", () => {})
    const gone = () => {
      account.settle("client-gone")
      forget()
    }
    socket.once("close", gone)
    let forget = () => {}
    forget = this.#admitted(incoming, policy, account, (refused, admitted) => {
      socket.off("close", gone)
      if (socket.destroyed) return gone()
      if (admitted === undefined) return refuseUpgrade(socket, refused, account)
      if (admitted.upgrade === undefined) return refuseUpgrade(socket, new InternalFault({}), account)
      forwardUpgrade(this.#passage(admitted, policy, account, origin), admitted.upgrade, socket, head)
    })
  }

  /** A head that the connection's front has refused already; it is only accounted here. */
  refusedHead(request: IncomingMessage, refused: ExchangeRefusal, origin: Origin): void {
    const account = this.#account(incomingOf(request, false), this.#policy(), origin)
    account.answered(refused.httpStatus, refused._tag)
    account.settle()
  }

  #account(incoming: Incoming, { clusterName }: Policy, { clientAddress }: Origin): Account {
    return new Account(incoming, { cluster: clusterName, clientAddress }, this.#log)
  }

  /** The function returned ends the search for a verdict, with the questions to the API server in it; `then` is not called any more. */
  #admitted(
    incoming: Incoming,
    policy: Policy,
    account: Account,
    then: (...verdict: [AdmissionRefusal, undefined] | [undefined, Admitted]) => void,
  ): () => void {
    const verdict = this.#relief.isFull ? Effect.fail(new MemoryShort({})) : admit(incoming, policy, account)
    return Effect.runCallback(verdict, {
      onExit: (exit) => {
        if (Exit.isInterrupted(exit)) return
        if (Exit.isSuccess(exit)) return then(undefined, exit.value)
        const refused = Cause.failureOption(exit.cause)
        if (Option.isSome(refused)) return then(refused.value, undefined)
        this.#log.error("a request could not be decided", { auditId: account.auditId, error: Cause.pretty(exit.cause) })
        then(new InternalFault({}), undefined)
      },
    })
  }

  #passage(admitted: Admitted, policy: Policy, account: Account, origin: Origin): Passage {
    return {
      admitted,
      api: policy.apiServer,
      account,
      clientAddress: origin.clientAddress,
      maxSessionMillis: policy.maxSessionMillis,
      relief: this.#relief,
      abort: origin.abort,
    }
  }
}

/** The name of a fault that the connection's front finds before the passes do. */
export const headRefusal = (fault: HeadFault | undefined): ExchangeRefusal => {
  switch (fault?.fault) {
    case "MissingHost":
      return new HostMissing({})
    case "DuplicateHeader":
      return new DuplicateHeader({ detail: fault.header })
    case "TransferEncoding":
      return new TransferEncodingRefused({})
    case "TargetForm":
      return new TargetNotOriginForm({})
    default:
      return new MalformedRequest({})
  }
}

const incomingOf = (request: IncomingMessage, upgrade: boolean): Incoming => ({
  method: request.method ?? "",
  target: request.url ?? "",
  httpVersion: request.httpVersion,
  rawHeaders: request.rawHeaders,
  upgrade,
})
