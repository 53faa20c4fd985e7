import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { Context, Data, Effect, Layer, Runtime, type Scope } from "effect"
import { EXPOSITION_CONTENT_TYPE, exposition } from "./metrics.ts"

/** The address cannot be listened on: in use, not ours, or not permitted. */
export class ListenFailed extends Data.TaggedError("ListenFailed")<{
  readonly address: string
  readonly detail: string
}> {
  override get message(): string {
    return `cannot listen on ${this.address}: ${this.detail}`
  }
}

/** One reason for which a program is, or is not, ready or alive. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail?: string
  /** The program is of use without it: told, and no reason to send nobody here. */
  readonly optional?: boolean
}

export interface HealthOptions<R = never> {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Ready if all are ok that are not optional. Asked at every probe, so it must be cheap. */
  readonly ready: Effect.Effect<readonly Check[], never, R>
  /** Never about the relay, the issuer or anything else outside: a restart heals none of them. */
  readonly live?: Effect.Effect<readonly Check[], never, R>
  /** Further paths that answer GET with JSON, as `/status`. */
  readonly routes?: Readonly<Record<string, Effect.Effect<unknown, never, R>>>
}

/** Health and metrics on a port of their own: `/livez`, `/readyz`, `/metrics` and the JSON routes given. Nobody is authenticated here. */
export class HealthServer extends Context.Tag("clusterconnect/platform/HealthServer")<
  HealthServer,
  { readonly host: string; readonly port: number }
>() {
  static layer<R>(options: HealthOptions<R>): Layer.Layer<HealthServer, ListenFailed, R> {
    return Layer.scoped(HealthServer, serve(options)) as Layer.Layer<HealthServer, ListenFailed, R>
  }
}

/** Kubelet, Prometheus and the operator together hold a handful; more is somebody who only holds connections. */
const MAX_CONNECTIONS = 128
const HEAD_TIMEOUT_MILLIS = 5000
/** A check that hangs must fail the probe, not hang it. */
const ANSWER_TIMEOUT_MILLIS = 5000

function serve<R>(
  options: HealthOptions<R>,
): Effect.Effect<{ host: string; port: number }, ListenFailed, R | Scope.Scope> {
  return Effect.gen(function* () {
    const run = Runtime.runPromise(yield* Effect.runtime<R>())
    const server = http.createServer(
      { maxHeaderSize: 16 * 1024, headersTimeout: HEAD_TIMEOUT_MILLIS },
      (request, response) => {
        void run(answer(options, request))
          .catch(() => failed)
          .then(({ status, type, body }) => {
            response.writeHead(status, {
              "content-type": type,
              "content-length": Buffer.byteLength(body),
              "cache-control": "no-store",
            })
            response.end(request.method === "HEAD" ? undefined : body)
          })
      },
    )
    server.maxConnections = MAX_CONNECTIONS
    yield* Effect.acquireRelease(listening(server, options.host, options.port), () => closed(server))
    const { port } = server.address() as AddressInfo
    return { host: options.host, port }
  })
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

function answer<R>(options: HealthOptions<R>, request: http.IncomingMessage): Effect.Effect<Answer, never, R> {
  const path = (request.url ?? "/").split("?")[0] ?? "/"
  if (request.method !== "GET" && request.method !== "HEAD") return Effect.succeed(plain(405, "only GET and HEAD\n"))
  const route = Object.hasOwn(options.routes ?? {}, path) ? options.routes?.[path] : undefined
  const found = route
    ? Effect.map(route, json)
    : path === "/livez"
      ? Effect.map(options.live ?? Effect.succeed([]), verdict)
      : path === "/readyz"
        ? Effect.map(options.ready, verdict)
        : path === "/metrics"
          ? Effect.sync(() => ({ status: 200, type: EXPOSITION_CONTENT_TYPE, body: exposition() }))
          : Effect.succeed(plain(404, "not found\n"))
  return found.pipe(
    Effect.timeoutTo({
      duration: ANSWER_TIMEOUT_MILLIS,
      onSuccess: (done) => done,
      onTimeout: () => failed,
    }),
    Effect.catchAllCause((cause) => Effect.as(Effect.logError("health check failed", cause), failed)),
  )
}

function verdict(checks: readonly Check[]): Answer {
  const lines = checks.map(
    ({ name, ok, optional, detail }) => `[${ok ? "+" : optional ? "!" : "-"}] ${name}${detail ? `: ${detail}` : ""}`,
  )
  const ok = checks.every((check) => check.ok || check.optional)
  return plain(ok ? 200 : 503, `${[...lines, ok ? "ok" : "not ok"].join("\n")}\n`)
}

function json(value: unknown): Answer {
  return { status: 200, type: "application/json", body: `${JSON.stringify(value)}\n` }
}

function plain(status: number, body: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body }
}

/** The cause is logged, not shown: nobody is authenticated here. */
const failed = plain(500, "the check failed; the log has the reason\n")

function listening(server: http.Server, host: string, port: number): Effect.Effect<void, ListenFailed> {
  return Effect.async((resume) => {
    const onError = (error: Error) => resume(new ListenFailed({ address: `${host}:${port}`, detail: error.message }))
    server.once("error", onError)
    server.listen(port, host, () => {
      server.off("error", onError)
      resume(Effect.void)
    })
  })
}

function closed(server: http.Server): Effect.Effect<void> {
  return Effect.async((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })
}
