import { afterEach, beforeEach, expect, test } from "bun:test"
import { newKey, spkiOf } from "../../protocol/keys.ts"
import { everybody, startTestRelay, type TestRelay } from "../testing/TestRelay.ts"

let relay: TestRelay
beforeEach(async () => {
  relay = await startTestRelay()
})
afterEach(() => relay[Symbol.asyncDispose]())

const names = async (): Promise<string[]> =>
  (await relay.call("GET", "/v1/clusters", { token: relay.token() })).body.clusters.map(
    ({ clusterName }: { clusterName: string }) => clusterName,
  )

test("the list of clusters has those that are registered or listed, not revoked, and the caller's", async () => {
  const { store } = relay
  const key = spkiOf(newKey())
  for (const name of ["edge-1", "edge-2", "core-1"]) await relay.cluster(name)
  for (const name of ["edge-3", "edge-4", "core-2"]) store.clusters.listKey(name, key)
  store.clusters.retire("edge-4", key)
  for (const name of ["edge-2", "edge-9"]) store.clusters.revoke(name, new Date())
  relay.configure({
    policy: [{ ...everybody, clusters: ["edge-*"] }],
    clusters: ["edge-5", "core-3"].map((name) => ({ name, identityKey: key })),
  })
  expect(await names()).toEqual(["edge-1", "edge-3", "edge-5"])
})

test("the list of clusters is made without reading documents, or asking about each registered cluster", async () => {
  for (const name of ["edge-1", "edge-2"]) await relay.cluster(name)
  for (const method of ["all", "find", "isRevoked", "listedKeys"])
    Reflect.set(relay.store.clusters, method, () => expect.unreachable(`asked ${method}`))
  expect(await names()).toEqual(["edge-1", "edge-2"])
})
