import { Context, Data, type Effect } from "effect"

/** A Kubernetes object as JSON: what `kubectl get -o json` prints. */
export interface KubernetesObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid?: string
    readonly resourceVersion?: string
    readonly generation?: number
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly finalizers?: readonly string[]
    readonly ownerReferences?: readonly unknown[]
    readonly deletionTimestamp?: string
    readonly managedFields?: readonly unknown[]
    readonly [field: string]: unknown
  }
  readonly [field: string]: unknown
}

/** What names one object. Without `namespace` it is cluster-scoped. */
export interface ObjectRef {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace?: string
  readonly name: string
}

/** What a failed call means for the caller, from the status code and the Status of the answer. */
export type FailureReason =
  /** No answer, 429 or 5xx: goes by itself. */
  | "Unreachable"
  /** 401, or 403 that is not about a quota: the operator lacks a right. */
  | "AccessDenied"
  /** 403 of the quota admission. */
  | "QuotaExceeded"
  /** 409 by resourceVersion, uid or existence: read again. */
  | "Conflict"
  /** 400, 415, 422: the object is not acceptable. */
  | "Invalid"
  /** 404 of something that had to be there, as a namespace or a resource type. */
  | "NotFound"

/** A call to the API server failed. The message names verb and object and holds the server's own words; never the body sent. */
export class KubernetesFailure extends Data.TaggedError("KubernetesFailure")<{
  readonly reason: FailureReason
  readonly verb: string
  readonly object: string
  /** HTTP status; absent without an answer. */
  readonly status?: number
  readonly detail: string
}> {
  override get message(): string {
    return `${this.verb} ${this.object}: ${this.detail}`
  }
}

/** The one field manager of everything that the operator writes. */
export const fieldManager = "clusterconnect-operator"

export interface ListQuery {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace?: string
  readonly labelSelector?: string
}

/** The API server, as the operator uses it. Every call ends within 10 s. */
export class Kubernetes extends Context.Tag("clusterconnect/operator/kubernetes/Kubernetes")<
  Kubernetes,
  {
    /** Undefined when there is no such object. */
    readonly get: (ref: ObjectRef) => Effect.Effect<KubernetesObject | undefined, KubernetesFailure>
    /** All of them, however many pages. */
    readonly list: (query: ListQuery) => Effect.Effect<readonly KubernetesObject[], KubernetesFailure>
    /** Server-side apply with {@link fieldManager} and force; gives the object as stored. */
    readonly apply: (object: KubernetesObject) => Effect.Effect<KubernetesObject, KubernetesFailure>
    /** Server-side apply of the status subresource. */
    readonly applyStatus: (object: KubernetesObject) => Effect.Effect<KubernetesObject, KubernetesFailure>
    /** PUT of the whole object; its resourceVersion has to be the present one. */
    readonly replace: (object: KubernetesObject) => Effect.Effect<KubernetesObject, KubernetesFailure>
    /** Creates, or fails with `Conflict` when it is there. */
    readonly create: (object: KubernetesObject) => Effect.Effect<KubernetesObject, KubernetesFailure>
    /** Success too when there is no such object; with `uid` only that very one is deleted. */
    readonly remove: (ref: ObjectRef, uid?: string) => Effect.Effect<void, KubernetesFailure>
  }
>() {}
