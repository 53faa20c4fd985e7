import { afterAll, expect, test } from "bun:test"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"
import { pinOf } from "../../protocol/keys.ts"
import { writtenSpec } from "../children/testing/childrenInput.ts"
import { identityOf } from "../credentials/CredentialState.ts"
import type { Held } from "../credentials/identitySecret.ts"
import { newState } from "../credentials/makeChange.ts"
import { Kubernetes, type KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { StoredObjects } from "../kubernetes/testing/storedObjects.ts"
import { finalizer } from "./finalizer.ts"
import { finish } from "./finish.ts"

/** A relay that takes every deregistration. */
const asked: string[] = []
const relay = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`)
  request.resume()
  response.end(JSON.stringify({ nonce: Buffer.alloc(32).toString("base64url"), expiresInSeconds: 60 }))
})
await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve))
afterAll(() => {
  relay.close()
  relay.closeAllConnections()
})
const relayUrl = `http://127.0.0.1:${(relay.address() as AddressInfo).port}`

const wanted = { audiences: {}, agentKeyDays: 30, servingCertificateDays: 30, requests: {} }
const state = await newState({ clusterName: "edge-1", relayUrl, ...wanted }, new Date())
const held = { state, secret: {} as KubernetesObject } satisfies Held

const resource = (status: object): KubernetesObject => ({
  apiVersion: "clusterconnect.dev/v1alpha1",
  kind: "ClusterConnect",
  metadata: { name: "edge", uid: "u", finalizers: ["foregroundDeletion", finalizer], deletionTimestamp: "now" },
  spec: writtenSpec,
  status,
})
const finished = async (status: object, known: Held | undefined) => {
  const stored = new StoredObjects(resource(status))
  asked.length = 0
  await finish("cc", resource(status), known).pipe(Effect.provideService(Kubernetes, stored.calls), Effect.runPromise)
  const released = stored.written.filter(({ kind }) => kind === "ClusterConnect")
  expect(released.map(({ metadata }) => metadata.finalizers)).toEqual([["foregroundDeletion"]])
  return { asked: [...asked], events: stored.written.filter(({ kind }) => kind === "Event") }
}
const registered = { identityPin: pinOf(identityOf(state)) }

test("a deletion in the foreground, which takes the identity's Secret first, is a deregistration all the same", async () =>
  expect(await finished(registered, held)).toEqual({
    asked: ["POST /v1/challenge", "DELETE /v1/clusters/edge-1/registration"],
    events: [],
  }))

test("where nobody has the identity any more, an event says that the registration stays", async () => {
  const { asked, events } = await finished(registered, undefined)
  expect(asked).toEqual([])
  expect(events).toMatchObject([{ reason: "DeregistrationFailed" }])
})

test("a resource that never had an identity goes without a word", async () =>
  expect(await finished({}, undefined)).toEqual({ asked: [], events: [] }))
