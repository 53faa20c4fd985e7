import { Effect, Layer } from "effect"
import { ApiServer, CALL_MILLIS, type NamedCall, refusal } from "./ApiServer.ts"
import { isAbsent } from "./classify.ts"
import type { Call } from "./exchange.ts"
import { fieldManager, Kubernetes, KubernetesFailure, type KubernetesObject } from "./Kubernetes.ts"
import { listed, nameOf, pathOf } from "./listed.ts"
import type { ResourceType } from "./resourcePath.ts"

/** The operator's calls on the API server of {@link ApiServer}. */
export const kubernetesLayer: Layer.Layer<Kubernetes, never, ApiServer> = Layer.effect(
  Kubernetes,
  Effect.gen(function* () {
    const server = yield* ApiServer

    const calling = (verb: string, type: ResourceType, name: string | undefined, call: Omit<Call, "path">, tail = "") =>
      Effect.gen(function* () {
        const collection = yield* pathOf(verb, type, name)
        const path = `${collection}${call.method === "POST" ? "" : `/${encodeURIComponent(name ?? "")}`}${tail}`
        const named: NamedCall = { ...call, path, verb, object: nameOf(type, name) }
        return { named, answer: yield* server.exchanged(named) }
      })

    /** A write that gives the object as stored. */
    const writing = (verb: string, object: KubernetesObject, call: Omit<Call, "path" | "body">, tail: string) =>
      calling(verb, typeOf(object), object.metadata.name, { ...call, body: object }, tail).pipe(
        Effect.flatMap(({ named, answer }) =>
          answer.code >= 200 && answer.code < 300
            ? Effect.succeed(answer.body as KubernetesObject)
            : Effect.fail(refusal(named, answer)),
        ),
      )

    const applying = { method: "PATCH", contentType: "application/apply-patch+yaml" } as const
    const manager = `fieldManager=${fieldManager}`

    return Kubernetes.of({
      get: (ref) =>
        calling("get", ref, ref.name, { method: "GET" }).pipe(
          Effect.flatMap(({ named, answer }) => {
            if (answer.code === 200) return Effect.succeed(answer.body as KubernetesObject)
            if (isAbsent(answer.code, answer.status, ref.name)) return Effect.succeed(undefined)
            return Effect.fail(refusal(named, answer))
          }),
        ),
      list: (query) =>
        listed(server, query).pipe(
          Effect.map(({ items }) => items),
          Effect.timeoutFail({
            duration: CALL_MILLIS,
            onTimeout: () =>
              new KubernetesFailure({
                reason: "Unreachable",
                verb: "list",
                object: nameOf(query),
                detail: `not all pages within ${CALL_MILLIS} ms`,
              }),
          }),
        ),
      apply: (object) => writing("apply", object, applying, `?${manager}&force=true`),
      applyStatus: (object) => writing("apply status of", object, applying, `/status?${manager}&force=true`),
      replace: (object) =>
        object.metadata.resourceVersion === undefined
          ? Effect.fail(
              new KubernetesFailure({
                reason: "Invalid",
                verb: "replace",
                object: nameOf(typeOf(object), object.metadata.name),
                detail: "it has no resourceVersion",
              }),
            )
          : writing("replace", object, { method: "PUT" }, `?${manager}`),
      create: (object) => writing("create", object, { method: "POST" }, `?${manager}`),
      remove: (ref, uid) =>
        calling("delete", ref, ref.name, {
          method: "DELETE",
          body: {
            apiVersion: "v1",
            kind: "DeleteOptions",
            propagationPolicy: "Background",
            ...(uid !== undefined && { preconditions: { uid } }),
          },
        }).pipe(
          Effect.flatMap(({ named, answer }) =>
            (answer.code >= 200 && answer.code < 300) || isAbsent(answer.code, answer.status, ref.name)
              ? Effect.void
              : Effect.fail(refusal(named, answer)),
          ),
        ),
    })
  }),
)

const typeOf = ({ apiVersion, kind, metadata: { namespace } }: KubernetesObject): ResourceType => ({
  apiVersion,
  kind,
  namespace,
})
