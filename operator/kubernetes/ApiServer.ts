import type { IncomingMessage } from "node:http"
import type { RequestOptions } from "node:https"
import { KubeConfig } from "@kubernetes/client-node"
import { Context, Effect, Layer } from "effect"
import { failureDetail, failureReason, type Status, statusOf } from "./classify.ts"
import { type Access, type Call, exchange, wholeText } from "./exchange.ts"
import { KubernetesFailure } from "./Kubernetes.ts"

/** For every call, from the first byte of the dial to the last of the answer. */
export const CALL_MILLIS = 10_000

/** A call, and how a failure of it names itself. */
export interface NamedCall extends Call {
  readonly verb: string
  readonly object: string
}

export interface Answer {
  readonly code: number
  readonly body: unknown
  readonly status: Status | undefined
}

/** Exchanges with the API server. Nothing is retried. */
export class ApiServer extends Context.Tag("clusterconnect/operator/kubernetes/ApiServer")<
  ApiServer,
  {
    /** Every status is an answer; fails with `Unreachable` after {@link CALL_MILLIS} or without a whole answer. */
    readonly exchanged: (call: NamedCall) => Effect.Effect<Answer, KubernetesFailure>
    /** Gives each line of an answer without end until it ends; fails for a refusal, and when nothing comes for a while. */
    readonly lines: (
      call: NamedCall,
      onLine: (line: string) => Effect.Effect<void, KubernetesFailure>,
      silenceMillis: number,
    ) => Effect.Effect<void, KubernetesFailure>
  }
>() {
  /** From a kubeconfig file, or without one from the pod's service account. Fails when there is neither or TLS would not be verified. */
  static readonly layer = (kubeconfig?: string): Layer.Layer<ApiServer, KubernetesFailure> =>
    Layer.effect(
      ApiServer,
      Effect.try({
        try: () => apiServer(loaded(kubeconfig)),
        catch: (error) =>
          new KubernetesFailure({ reason: "Invalid", verb: "read", object: "kubeconfig", detail: words(error) }),
      }),
    )
}

const loaded = (path: string | undefined): KubeConfig => {
  const config = new KubeConfig()
  if (path === undefined && !process.env.KUBERNETES_SERVICE_HOST)
    throw new Error("this is no pod (KUBERNETES_SERVICE_HOST is not set); name a kubeconfig")
  if (path === undefined) config.loadFromCluster()
  else config.loadFromFile(path)
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new Error("its current context names no cluster")
  if (cluster.skipTLSVerify) throw new Error("insecure-skip-tls-verify is not accepted")
  if (new URL(cluster.server).protocol !== "https:") throw new Error("the server is not an https address")
  return config
}

const accessOf = async (config: KubeConfig): Promise<Access> => {
  const options: RequestOptions = { headers: {} }
  await config.applyToHTTPSOptions(options)
  const cluster = config.getCurrentCluster()!
  return {
    url: new URL(cluster.server),
    ca: options.ca as Access["ca"],
    cert: options.cert as Access["cert"],
    key: options.key as Access["key"],
    serverName: cluster.tlsServerName,
    headers: options.headers as Record<string, string>,
  }
}

const apiServer = (config: KubeConfig): Context.Tag.Service<ApiServer> => {
  const prefix = new URL(config.getCurrentCluster()!.server).pathname.replace(/\/$/, "")
  const begun = async (call: Call, signal: AbortSignal) =>
    exchange(await accessOf(config), { ...call, path: `${prefix}${call.path}` }, signal)
  return {
    exchanged: (call) =>
      Effect.tryPromise({
        try: (signal) => begun(call, signal).then(read),
        catch: (error) => unreachable(call, words(error)),
      }).pipe(
        Effect.timeoutFail({
          duration: CALL_MILLIS,
          onTimeout: () => unreachable(call, `no answer within ${CALL_MILLIS} ms`),
        }),
      ),
    lines: (call, onLine, silenceMillis) =>
      Effect.gen(function* () {
        const controller = yield* Effect.acquireRelease(
          Effect.sync(() => new AbortController()),
          (one) => Effect.sync(() => one.abort(new Error("no longer wanted"))),
        )
        const silent = Effect.timeoutFail({
          duration: silenceMillis,
          onTimeout: () => unreachable(call, `nothing came for ${silenceMillis} ms`),
        })
        const waited = <A>(what: () => Promise<A>) =>
          Effect.tryPromise({ try: what, catch: (error) => unreachable(call, words(error)) }).pipe(silent)
        const answer = yield* waited(() => begun(call, controller.signal))
        if ((answer.statusCode ?? 0) >= 300) return yield* refusal(call, yield* waited(() => read(answer)))
        const chunks = (answer.setEncoding("utf8") as AsyncIterable<string>)[Symbol.asyncIterator]()
        let rest = ""
        for (;;) {
          const { done, value } = yield* waited(() => chunks.next())
          if (done) return
          const parts = (rest + value).split("\n")
          rest = parts.pop()!
          for (const line of parts) if (line !== "") yield* onLine(line)
        }
      }).pipe(Effect.scoped),
  }
}

const read = async (answer: IncomingMessage): Promise<Answer> => {
  const text = await wholeText(answer)
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    body = undefined
  }
  return { code: answer.statusCode ?? 0, body, status: statusOf(body) }
}

/** The failure that an answer of 300 or more is. */
export const refusal = (call: NamedCall, { code, status }: Answer): KubernetesFailure =>
  new KubernetesFailure({
    reason: failureReason(code, status),
    verb: call.verb,
    object: call.object,
    status: code,
    detail: failureDetail(code, status),
  })

const unreachable = ({ verb, object }: NamedCall, detail: string) =>
  new KubernetesFailure({ reason: "Unreachable", verb, object, detail })

const words = (error: unknown): string => {
  const first = error instanceof AggregateError ? (error.errors[0] ?? error) : error
  return first instanceof Error ? first.message || first.name : String(first)
}
