import type { Context } from "effect"
import { Effect } from "effect"
import { Kubernetes, type KubernetesObject } from "../Kubernetes.ts"

/** The calls of {@link Kubernetes} on objects in memory, by kind and name; what is written is kept in `written`. For decisions around calls, not for what an API server makes of them. */
export class StoredObjects {
  readonly written: KubernetesObject[] = []
  readonly objects: KubernetesObject[]

  constructor(...objects: readonly KubernetesObject[]) {
    this.objects = [...objects]
  }

  readonly calls: Context.Tag.Service<typeof Kubernetes> = Kubernetes.of({
    get: ({ kind, name }) =>
      Effect.sync(() => this.objects.find((one) => one.kind === kind && one.metadata.name === name)),
    list: ({ kind }) => Effect.sync(() => this.objects.filter((one) => one.kind === kind)),
    apply: (object) => this.#write(object),
    applyStatus: (object) => this.#write(object),
    replace: (object) => this.#write(object),
    create: (object) => this.#write(object),
    remove: () => Effect.void,
  })

  #write(object: KubernetesObject) {
    return Effect.sync(() => {
      this.written.push(object)
      return object
    })
  }
}
