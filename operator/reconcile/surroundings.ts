import { Clock, Effect } from "effect"
import { ApiServer, refusal } from "../kubernetes/ApiServer.ts"
import { Kubernetes, KubernetesFailure, type KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { definitionRef, missingFields } from "./crdOutdated.ts"

/** What a pass needs to know about the cluster itself, the same for all resources. */
export interface Surroundings {
  /** `major.minor` as emulated. */
  readonly serverVersion: string
  /** Ports behind which the API server may be: of its Service, and of its endpoints, which a network policy may see instead. */
  readonly apiServerPorts: readonly [number, ...number[]]
  /** Fields of the definition that this operator knows and the cluster does not. */
  readonly missingFields: readonly string[]
}

/** Upgrades of the API server and of the definition are noticed after this at the latest. */
const FRESH_MILLIS = 60_000
const HTTPS_PORT = 443

/** Asks the API server, at most once a minute for all who call. */
export const makeSurroundings: Effect.Effect<
  Effect.Effect<Surroundings, KubernetesFailure, Kubernetes>,
  never,
  ApiServer
> = Effect.gen(function* () {
  const server = yield* ApiServer
  let known: { readonly value: Surroundings; readonly atMillis: number } | undefined

  const version = Effect.gen(function* () {
    const call = { method: "GET", path: "/version", verb: "get", object: "/version" } as const
    const answer = yield* server.exchanged(call)
    if (answer.code >= 300) return yield* refusal(call, answer)
    const {
      major,
      minor,
      emulationMajor = major,
      emulationMinor = minor,
    } = (answer.body ?? {}) as Record<string, unknown>
    const text = `${emulationMajor}.${emulationMinor}`.replace("+", "")
    if (answer.code === 200 && /^\d+\.\d+$/.test(text)) return text
    return yield* new KubernetesFailure({
      reason: "Unreachable",
      verb: call.verb,
      object: call.object,
      status: answer.code,
      detail: "no version in the answer",
    })
  })

  const asked = Effect.gen(function* () {
    const kubernetes = yield* Kubernetes
    const slices = yield* kubernetes.list({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      namespace: "default",
      labelSelector: "kubernetes.io/service-name=kubernetes",
    })
    const definition = yield* kubernetes.get(definitionRef)
    return {
      serverVersion: yield* version,
      apiServerPorts: portsOf(slices) ?? known?.value.apiServerPorts ?? [HTTPS_PORT],
      missingFields: definition === undefined ? [] : missingFields(definition),
    }
  })

  return Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    if (known !== undefined && now - known.atMillis < FRESH_MILLIS && now >= known.atMillis) return known.value
    const value = yield* asked
    known = { value, atMillis: now }
    return value
  })
})

/** Undefined without endpoints: an API server that stops or starts is not in the list, and must not be shut out for it. */
const portsOf = (slices: readonly KubernetesObject[]): readonly [number, ...number[]] | undefined => {
  const endpoints = new Set(
    slices.flatMap(({ ports }) => ((ports ?? []) as readonly { readonly port?: number }[]).map(({ port }) => port)),
  )
  if (endpoints.size === 0) return undefined
  return [HTTPS_PORT, ...[...endpoints].filter((port) => port !== undefined && port !== HTTPS_PORT).sort()] as [number]
}
