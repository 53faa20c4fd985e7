import { expect, test } from "bun:test"
import { Effect, TestClock, TestContext } from "effect"
import { ApiServer } from "../kubernetes/ApiServer.ts"
import { Kubernetes } from "../kubernetes/Kubernetes.ts"
import { StoredObjects } from "../kubernetes/testing/storedObjects.ts"
import { makeSurroundings } from "./surroundings.ts"

const slice = (port: number) => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: "kubernetes" },
  ports: [{ port }],
})
const server = ApiServer.of({
  exchanged: () => Effect.succeed({ code: 200, body: { major: "1", minor: "37" }, status: undefined }),
  lines: () => Effect.never,
})

test.each([
  [403, "AccessDenied"],
  [500, "Unreachable"],
  [200, "Unreachable"],
] as const)("an API server that answers %i where its version is, is an answer: %s", (code, reason) =>
  Effect.gen(function* () {
    const answer = { code, body: {}, status: { message: "no" } }
    const refusing = ApiServer.of({ ...server, exchanged: () => Effect.succeed(answer) })
    const surroundings = yield* Effect.provideService(makeSurroundings, ApiServer, refusing)
    const failure = yield* Effect.flip(Effect.provideService(surroundings, Kubernetes, new StoredObjects().calls))
    expect(failure).toMatchObject({ reason, status: code })
  }).pipe(Effect.runPromise),
)

test("an API server that takes itself off the list while it restarts is not shut out by the network policy", () =>
  Effect.gen(function* () {
    const stored = new StoredObjects()
    const surroundings = Effect.provideService(yield* makeSurroundings, Kubernetes, stored.calls)
    const portsAfter = (...ports: readonly number[]) =>
      Effect.gen(function* () {
        stored.objects.splice(0, 1, ...ports.map(slice))
        yield* TestClock.adjust("2 minutes")
        return (yield* surroundings).apiServerPorts
      })
    expect(yield* portsAfter()).toEqual([443])
    expect(yield* portsAfter(6443)).toEqual([443, 6443])
    expect(yield* portsAfter()).toEqual([443, 6443])
    expect(yield* portsAfter(8443)).toEqual([443, 8443])
  }).pipe(Effect.provideService(ApiServer, server), Effect.provide(TestContext.TestContext), Effect.runPromise))
