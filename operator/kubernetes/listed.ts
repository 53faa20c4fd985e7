import { Effect } from "effect"
import { type ApiServer, type NamedCall, refusal } from "./ApiServer.ts"
import { KubernetesFailure, type KubernetesObject, type ListQuery } from "./Kubernetes.ts"
import { type ResourceType, resourcePath } from "./resourcePath.ts"

/** What kubectl asks for at once. */
const PAGE_OBJECTS = 500

/** One state of a resource type: its objects, and from where to watch. */
export interface Listed {
  readonly items: readonly KubernetesObject[]
  readonly resourceVersion: string
}

interface ListBody {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string }
  readonly items?: readonly KubernetesObject[]
}

/** How messages name an object or a collection: never more than kind, namespace and name. */
export const nameOf = ({ kind, namespace }: ResourceType, name?: string): string =>
  [kind, [namespace, name].filter((part) => part !== undefined).join("/")].filter((part) => part !== "").join(" ")

/** Path of the collection; fails for a type that the operator has no business with. */
export const pathOf = (verb: string, type: ResourceType, name?: string): Effect.Effect<string, KubernetesFailure> => {
  const path = resourcePath(type)
  if (path !== undefined) return Effect.succeed(path)
  const detail = `${type.apiVersion} ${type.kind} is not a type that the operator works with`
  return Effect.fail(new KubernetesFailure({ reason: "Invalid", verb, object: nameOf(type, name), detail }))
}

/** All objects in one consistent state, read page by page from etcd; a 410 between pages is a failure of reason NotFound, status 410. */
export const listed = (
  server: typeof ApiServer.Service,
  query: ListQuery,
  pageObjects = PAGE_OBJECTS,
): Effect.Effect<Listed, KubernetesFailure> =>
  Effect.gen(function* () {
    const collection = yield* pathOf("list", query)
    const items: KubernetesObject[] = []
    let token = ""
    for (;;) {
      const search = new URLSearchParams({ limit: String(pageObjects), ...selectorOf(query) })
      if (token !== "") search.set("continue", token)
      const call: NamedCall = {
        method: "GET",
        path: `${collection}?${search}`,
        verb: "list",
        object: nameOf(query),
      }
      const answer = yield* server.exchanged(call)
      if (answer.code !== 200) return yield* refusal(call, answer)
      const { metadata, items: page = [] } = (answer.body ?? {}) as ListBody
      // The items of a list carry neither apiVersion nor kind.
      for (const one of page) items.push({ ...one, apiVersion: query.apiVersion, kind: query.kind })
      token = metadata?.continue ?? ""
      if (token === "") return { items, resourceVersion: metadata?.resourceVersion ?? "" }
    }
  })

export const selectorOf = ({ labelSelector }: ListQuery): Record<string, string> =>
  labelSelector === undefined ? {} : { labelSelector }
