import { describe, expect, test } from "bun:test"
import { Effect, Logger, LogLevel } from "effect"
import { ownerReference } from "../children/childMetadata.ts"
import { writtenSpec } from "../children/testing/childrenInput.ts"
import { Kubernetes, KubernetesFailure, type KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { StoredObjects } from "../kubernetes/testing/storedObjects.ts"
import { finalizer } from "./finalizer.ts"
import { newMemory } from "./Memory.ts"
import { type PassContext, pass } from "./pass.ts"

const uid = "7d3c5a7e-0000-4000-8000-000000000001"
const settings = {
  namespace: "cc",
  identity: "operator-1",
  image: "registry.example.com/clusterconnect:1.0.0",
  health: { host: "127.0.0.1", port: 0 },
}
const onVersion = (serverVersion: string): PassContext["surroundings"] =>
  Effect.succeed({ serverVersion, apiServerPorts: [443], missingFields: [] })

/** A resource whose relay is not there. */
const resource = (changes: { spec?: object; status?: object; annotations?: Record<string, string> } = {}) =>
  ({
    apiVersion: "clusterconnect.dev/v1alpha1",
    kind: "ClusterConnect",
    metadata: {
      name: "edge",
      uid,
      generation: 3,
      finalizers: [finalizer],
      ...(changes.annotations === undefined ? {} : { annotations: changes.annotations }),
    },
    spec: { ...writtenSpec, relay: { url: "https://127.0.0.1:1" }, ...changes.spec },
    ...(changes.status === undefined ? {} : { status: changes.status }),
  }) satisfies KubernetesObject

interface Surrounded {
  readonly objects?: readonly KubernetesObject[]
  readonly calls?: Partial<StoredObjects["calls"]>
  readonly surroundings?: PassContext["surroundings"]
}
const passed = async (object: KubernetesObject, given: Surrounded = {}) => {
  const stored = new StoredObjects(...(given.objects ?? []))
  const surroundings = given.surroundings ?? onVersion("1.37")
  const memory = newMemory(uid)
  const outcome = await pass({ settings, memory, surroundings }, object).pipe(
    Effect.provideService(Kubernetes, { ...stored.calls, ...given.calls }),
    Effect.catchAllDefect((defect) => Effect.succeed(`died of ${(defect as Error).name}`)),
    Effect.either,
    Logger.withMinimumLogLevel(LogLevel.None),
    Effect.runPromise,
  )
  const { status } = (stored.written.findLast(({ kind }) => kind === "ClusterConnect") ?? {}) as {
    status?: { conditions: { type: string; status: string; reason: string; message: string }[] } & Record<
      string,
      unknown
    >
  }
  const condition = (type: string) => status?.conditions.find((one) => one.type === type)
  return { outcome, status, condition, written: stored.written, memory }
}
const failing = (status?: number) => ({
  create: (object: KubernetesObject) =>
    object.kind === "Service"
      ? Effect.fail(
          new KubernetesFailure({
            reason: "Unreachable",
            verb: "create",
            object: `Service ${object.metadata.name}`,
            ...(status === undefined ? {} : { status }),
            detail: 'failed calling webhook "a.example.com"',
          }),
        )
      : Effect.succeed(object),
})

describe("a pass", () => {
  test.each([429, 500, 503])("in which one child is answered with %i says so in the status", async (code) => {
    const { outcome, condition } = await passed(resource(), { calls: failing(code) })
    expect(outcome).toMatchObject({ _tag: "Left", left: { status: code } })
    expect(condition("Reconciling")).toMatchObject({ status: "True" })
    expect(condition("Ready")?.message).toContain('failed calling webhook "a.example.com"; tried again')
  })

  test("in which one child gets no answer, as from a webhook that hangs, says so too", async () => {
    const { outcome, condition } = await passed(resource(), { calls: failing() })
    expect(outcome).toMatchObject({ _tag: "Left", left: { reason: "Unreachable" } })
    expect(condition("Ready")?.message).toContain("tried again")
  })

  test("that cannot write what it found fails, and so does one that cannot look", async () => {
    const away = () =>
      Effect.fail(new KubernetesFailure({ reason: "Unreachable", verb: "v", object: "o", detail: "no answer" }))
    for (const calls of [{ applyStatus: away }, { list: away }])
      expect((await passed(resource(), { calls })).outcome).toMatchObject({
        _tag: "Left",
        left: { detail: "no answer" },
      })
  })

  test("that breaks by a mistake of ours says so in the status, without the words of the error", async () => {
    const { outcome, condition } = await passed(resource(), {
      surroundings: Effect.die(new TypeError("https://user:password@proxy")),
    })
    expect(outcome).toMatchObject({ right: "died of TypeError" })
    expect(condition("Reconciling")).toMatchObject({ status: "True", reason: "Progressing" })
    expect(condition("Reconciling")?.message).toContain("TypeError")
    expect(condition("Reconciling")?.message).not.toContain("password")
  })

  test("over a relay URL that is none names the field", async () => {
    const { condition } = await passed(resource({ spec: { relay: { url: "https://relay.example.com:99999" } } }))
    expect(condition("Stalled")).toMatchObject({ status: "True", reason: "ChildRefused" })
    expect(condition("Stalled")?.message).toContain("spec.relay.url")
    expect(condition("CredentialsValid")).toMatchObject({ status: "Unknown" })
  })

  test("over a damaged identity says so of the credentials", async () => {
    const damaged = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "cc-edge-identity", namespace: "cc", ownerReferences: [ownerReference({ name: "edge", uid })] },
      data: { "state.json": "e30=" },
    }
    const { condition } = await passed(resource(), { objects: [damaged] })
    expect(condition("CredentialsValid")).toMatchObject({ status: "False", reason: "CredentialsDamaged" })
    expect(condition("CredentialsValid")?.message).toContain("restore it from a backup")
  })

  test("that was asked for with a long text acknowledges what a status can hold of it", async () => {
    const text = "🙂".repeat(300)
    const { status } = await passed(resource({ annotations: { "reconcile.fluxcd.io/requestedAt": text } }))
    expect(status?.lastHandledReconcileAt).toBe("🙂".repeat(256))
  })
})

describe("Auto after constrained impersonation was refused", () => {
  const account = (annotations: Record<string, string>): KubernetesObject => ({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: {
      name: "cc-edge-auth-proxy",
      namespace: "cc",
      annotations,
      ownerReferences: [ownerReference({ name: "edge", uid })],
    },
  })
  const status = {
    conditions: [
      {
        type: "ImpersonationReady",
        status: "False",
        reason: "ConstrainedUnavailable",
        message: "m",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      },
    ],
  }
  const worked = "clusterconnect.dev/constrained-worked"
  const bindings = async (annotations: Record<string, string>, mode = "Auto") => {
    const { written } = await passed(resource({ spec: { impersonation: { mode } }, status }), {
      objects: [account(annotations)],
      surroundings: onVersion("1.35"),
    })
    return written.filter(({ kind }) => kind === "ClusterRoleBinding").map(({ metadata }) => metadata.name)
  }

  test("falls back where it never worked, also in a new process", async () =>
    expect(await bindings({ [worked]: "false" })).toEqual(["cc-edge-legacy-readwrite"]))

  test.each<[string, Record<string, string>]>([
    ["it worked", { [worked]: "true" }],
    ["nobody wrote down whether it worked", {}],
    ["what is written down is no word of ours", { [worked]: "perhaps" }],
  ])("never falls back where %s", async (_, annotations) =>
    expect(await bindings(annotations)).toEqual(["cc-edge-constrained-readwrite"]),
  )

  test("is Legacy where a person says so", async () =>
    expect(await bindings({ [worked]: "true" }, "Legacy")).toEqual(["cc-edge-legacy-readwrite"]))

  test("is remembered on the auth proxy's account, from the first pass on", async () => {
    const { written } = await passed(resource())
    const made = written.find(({ metadata }) => metadata.name === "cc-edge-auth-proxy")
    expect(made).toMatchObject({ kind: "ServiceAccount", metadata: { annotations: { [worked]: "false" } } })
  })
})
