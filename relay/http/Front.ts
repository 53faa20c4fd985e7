import { SQLiteError } from "bun:sqlite"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Log } from "../../platform/logs.ts"
import type { Refusal } from "../../protocol/status.ts"
import type { AuditLine } from "../audit/AuditLog.ts"
import type { Access } from "../callers/Access.ts"
import type { Caller } from "../callers/Caller.ts"
import { refusals } from "../metrics.ts"
import {
  MethodNotAllowed,
  NotFound,
  type RelayRefusal,
  refusalOf,
  StoreUnavailable,
  UpgradeRequired,
  UpgradeUnexpected,
} from "../refusals.ts"
import type { Settings } from "../Settings.ts"
import { answerJson, answerRefusal, refuseUpgrade } from "./answers.ts"
import { clientAddress } from "./clientAddress.ts"
import { downloadPrefix, sendDownload } from "./download.ts"
import type { Exchange } from "./Exchange.ts"
import type { Route } from "./Route.ts"
import { Router } from "./Router.ts"
import type { PendingUpgrade } from "./webSockets.ts"

export interface FrontOptions {
  readonly routes: readonly Route[]
  readonly access: Access
  readonly settings: () => Settings
  readonly log: Log
  readonly audit: (line: AuditLine) => void
  /** The same for peers who have not shown who they are, at a bounded rate. */
  readonly auditUnidentified: (line: AuditLine) => void
  readonly now: () => Date
  readonly onAuthenticated: (socket: Socket) => void
}

/** Requests whose peer has shown who it is. */
const identified = new WeakSet<IncomingMessage>()

/** A database that fails again within this time has not worked in between, as far as its log is concerned. */
const outageQuietMillis = 60_000

/** What the public port does with a request or an upgrade: find the route, run it, and turn a refusal into an answer. */
export class Front {
  readonly #options: FrontOptions
  readonly #router: Router
  #storeFailedAt = Number.NEGATIVE_INFINITY

  constructor(options: FrontOptions) {
    this.#options = options
    this.#router = new Router(options.routes)
  }

  async request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? ""
    const method = request.method ?? ""
    try {
      if (target.startsWith(downloadPrefix) && (method === "GET" || method === "HEAD"))
        return await sendDownload(this.#options.settings().downloadDirectory, target, response)
      const { route, exchange } = this.#find(request)
      if (route.kind === "upgrade") throw new UpgradeRequired()
      const { status, body } = await route.answer(exchange)
      answerJson(response, status, body)
    } catch (error) {
      const refusal = this.#refusal(error, request)
      if (response.headersSent) response.destroy()
      else answerRefusal(response, refusal)
    }
  }

  async upgrade(upgrade: PendingUpgrade): Promise<void> {
    const { request, socket } = upgrade
    socket.on("error", () => socket.destroy())
    try {
      const { route, exchange } = this.#find(request)
      if (route.kind !== "upgrade") throw new UpgradeUnexpected()
      await route.upgrade(exchange, upgrade)
    } catch (error) {
      refuseUpgrade(socket, this.#refusal(error, request))
    }
  }

  #find(request: IncomingMessage): { readonly route: Route; readonly exchange: Exchange } {
    const target = request.url ?? ""
    const found = this.#router.find(request.method ?? "", target)
    if (found.type === "wrongMethod") throw new MethodNotAllowed()
    if (found.type === "none") throw new NotFound()
    return { route: found.route, exchange: this.#exchange(request, target, found.params) }
  }

  #exchange(request: IncomingMessage, target: string, params: Readonly<Record<string, string>>): Exchange {
    const { access, onAuthenticated } = this.#options
    const authenticated = () => {
      identified.add(request)
      onAuthenticated(request.socket)
    }
    return {
      request,
      target,
      params,
      clientAddress: this.#address(request),
      authenticated,
      caller: async (): Promise<Caller> => {
        const caller = await access.authenticate(request.headers.authorization)
        authenticated()
        return caller
      },
    }
  }

  #address(request: IncomingMessage): string {
    return clientAddress(request, this.#options.settings().isTrustedProxy)
  }

  #refusal(thrown: unknown, request: IncomingMessage): Refusal {
    const { log, now } = this.#options
    const error = thrown instanceof SQLiteError ? this.#storeUnavailable(thrown) : thrown
    const audit = identified.has(request) ? this.#options.audit : this.#options.auditUnidentified
    if (isRefusal(error)) {
      refusals.add(1, { cause: error._tag })
      if (error.code !== 404)
        audit({
          time: now().toISOString(),
          event: "refused",
          method: request.method,
          path: (request.url ?? "").slice(0, 256),
          from: this.#address(request),
          outcome: error._tag,
        })
      return refusalOf(error)
    }
    log.error("a request failed", { path: request.url?.slice(0, 256), error })
    refusals.add(1, { cause: "InternalError" })
    return { code: 500, hop: "relay", cause: "InternalError", message: "the relay failed; its log has the reason" }
  }

  /** Logged once per outage: on a full disk every agent that comes back is refused. */
  #storeUnavailable(error: SQLiteError): StoreUnavailable {
    const { log, now } = this.#options
    const failedAt = now().getTime()
    if (failedAt - this.#storeFailedAt > outageQuietMillis)
      log.error("the database failed; what needs it is refused", { code: error.code, error })
    this.#storeFailedAt = failedAt
    return new StoreUnavailable()
  }
}

const isRefusal = (error: unknown): error is RelayRefusal =>
  error instanceof Error && "_tag" in error && "code" in error && "hop" in error ? true : isPlainRefusal(error)

/** Refusals of identity/ in this program's form are plain objects. */
const isPlainRefusal = (error: unknown): error is RelayRefusal =>
  typeof error === "object" && error !== null && !(error instanceof Error) && "_tag" in error && "hop" in error
