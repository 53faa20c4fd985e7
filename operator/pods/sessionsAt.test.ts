import { expect, test } from "bun:test"
import { agent } from "../reconcile/testing/found.ts"
import type { AgentStatus, SeenPod } from "./podStatus.ts"
import { sessionsAt } from "./sessionsAt.ts"

const agentAt = (relay: string | undefined): SeenPod<AgentStatus> => {
  const { status, ...pod } = agent()
  return { ...pod, status: { ...status!, ...(relay === undefined ? {} : { relay }) } }
}
const countAt = (url: string, ...relays: readonly (string | undefined)[]) =>
  sessionsAt(url, relays.map(agentAt)).map(({ status }) => status?.sessions.length)

test("a session with the relay that the spec names counts, however its URL is written", () =>
  expect(countAt("https://Relay.example.com:443/", "https://relay.example.com")).toEqual([1]))

test("a session with the relay that the spec named before is none", () =>
  expect(countAt("https://new.example.com", "https://old.example.com", "https://new.example.com")).toEqual([0, 1]))

test("an older agent that does not say where its session is counts", () =>
  expect(countAt("https://new.example.com", undefined)).toEqual([1]))

test("a spec whose URL is none takes nothing away", () =>
  expect(countAt("https://10.0.0.256", "https://relay.example.com")).toEqual([1]))

test("a pod without a status stays one", () =>
  expect(sessionsAt("https://new.example.com", [{ ...agent(undefined), status: undefined }])).toHaveLength(1))
