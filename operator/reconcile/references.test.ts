import { expect, test } from "bun:test"
import { Effect } from "effect"
import { Kubernetes, type KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { StoredObjects } from "../kubernetes/testing/storedObjects.ts"
import { secretValue } from "./references.ts"

const secret = (changes: object = {}, metadata: object = {}): KubernetesObject => ({
  apiVersion: "v1",
  kind: "Secret",
  type: "Opaque",
  metadata: { name: "named", namespace: "cc", ...metadata },
  data: { key: Buffer.from("a value").toString("base64") },
  ...changes,
})
const read = (...objects: readonly KubernetesObject[]) =>
  secretValue("cc", "spec.relay.joinTokenSecretRef", { name: "named", key: "key" }).pipe(
    Effect.merge,
    Effect.provideService(Kubernetes, new StoredObjects(...objects).calls),
    Effect.runPromise,
  )

test("a Secret of the user's own is read", async () => expect(await read(secret())).toBe("a value"))

test("one that is not there, or has nothing under the key, is named", async () => {
  expect(await read()).toMatchObject({ reason: "SecretMissing", message: expect.stringContaining("Secret cc/named") })
  expect(await read(secret({ data: {} }))).toMatchObject({ reason: "SecretMissing" })
})

const owned = { ownerReferences: [{ apiVersion: "clusterconnect.dev/v1alpha1", kind: "ClusterConnect", uid: "u" }] }
test.each<[string, KubernetesObject]>([
  ["an identity key or another child", secret({}, owned)],
  ["a token of an account", secret({ type: "kubernetes.io/service-account-token" })],
  ["the key of a certificate", secret({ type: "kubernetes.io/tls" })],
])("%s is not sent to the relay that the spec names", async (_, object) => {
  const refused = await read(object)
  expect(refused).toMatchObject({ reason: "ChildRefused", message: expect.stringContaining("is not sent anywhere") })
  expect(JSON.stringify(refused)).not.toContain("a value")
})
