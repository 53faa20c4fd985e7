import { afterEach, expect, test } from "bun:test"
import http from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"
import { AgentStatus, seenPods } from "./podStatus.ts"

const status = {
  role: "tunnel",
  version: "1.0.0",
  instance: "i",
  relay: "https://relay.example.com",
  sessionKey: "k",
  documentSerial: 7,
  sessions: [{ replica: "relay-0", forSeconds: 3 }],
  somethingNew: true,
}
let server: http.Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

/** The port of a pod's health server that answers like this. */
const answering = (code: number, body: string): Promise<number> =>
  new Promise((resolve) => {
    const listening = http.createServer((request, response) => {
      response.writeHead(request.url === "/status" ? code : 404, { "content-length": Buffer.byteLength(body) })
      response.end(body)
    })
    server = listening.listen(0, "127.0.0.1", () => resolve((listening.address() as AddressInfo).port))
  })

const pod = (status: object, metadata: object = {}): KubernetesObject =>
  ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", ...metadata }, status }) as KubernetesObject
const seen = async (port: number, one: KubernetesObject) =>
  (await Effect.runPromise(seenPods([one], port, AgentStatus)))[0]
const up = { podIP: "127.0.0.1", conditions: [{ type: "Ready", status: "True" }] }

test("a pod that answers is seen with its status, unknown fields left out", async () => {
  const { forSeconds, ...session } = status.sessions[0]!
  const { somethingNew, ...known } = status
  expect(await seen(await answering(200, JSON.stringify(status)), pod(up))).toEqual({
    name: "p",
    ready: true,
    terminating: false,
    trouble: undefined,
    status: { ...known, sessions: [session] } as AgentStatus,
  })
})

test.each([
  ["another code", 503, JSON.stringify(status)],
  ["no JSON", 200, "<html>"],
  ["another role's status", 200, JSON.stringify({ ...status, role: "auth-proxy" })],
  ["more than is read", 200, JSON.stringify({ ...status, pad: "x".repeat(300_000) })],
])("a pod that answers with %s has no status", async (_, code, body) =>
  expect((await seen(await answering(code, body), pod(up)))?.status).toBeUndefined(),
)

test("a pod without an address, or that does not listen, has no status", async () => {
  const port = await answering(200, JSON.stringify(status))
  expect((await seen(port, pod({ conditions: [] })))?.status).toBeUndefined()
  await new Promise((resolve) => server?.close(resolve))
  expect((await seen(port, pod(up)))?.status).toBeUndefined()
})

test.each([
  ["is being deleted", pod(up, { deletionTimestamp: "2026-01-01T00:00:00Z" })],
  ["was evicted", pod({ phase: "Failed" })],
])("a pod that %s is on its way out", async (_, one) => expect((await seen(1, one))?.terminating).toBe(true))

const container = (state: object, lastState: object = {}) =>
  pod({ containerStatuses: [{ name: "agent", state, lastState }] })
test.each([
  ["is pulled", container({ waiting: { reason: "ContainerCreating" } }), undefined],
  [
    "cannot be pulled",
    container({ waiting: { reason: "ErrImagePull", message: "no such host" } }),
    "ErrImagePull: no such host",
  ],
  [
    "crashes again and again",
    container({ waiting: { reason: "CrashLoopBackOff", message: "back-off 10s" } }),
    "CrashLoopBackOff: back-off 10s",
  ],
  [
    "finds no node",
    pod({
      conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes available" }],
    }),
    "Unschedulable: 0/1 nodes available",
  ],
  ["runs", container({ running: {} }), undefined],
])("a pod whose image %s", async (_, one, trouble) => expect((await seen(1, one))?.trouble).toBe(trouble as string))
