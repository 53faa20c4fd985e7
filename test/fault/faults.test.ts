/** The short form of `bun run test:long faults`: real kubectl sessions while relay and agent are killed and drained. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { strikeAll } from "./FaultRun.ts"
import { agentDrained, agentKilled, relayDrained, relayKilled } from "./faults.ts"
import { execSession, logsSession, watchSession } from "./sessions/lineSession.ts"
import { type PreparedStage, startStage } from "./startStage.ts"

/** Building Kubernetes on two cores takes ten minutes the first time. */
const startLimitMillis = 1_500_000

const stack = new AsyncDisposableStack()
let stage: PreparedStage

beforeAll(async () => {
  stage = await startStage(stack, { seed: 1, megabytes: 1, onProgress: (line) => console.error(`faults: ${line}`) })
}, startLimitMillis)

afterAll(async () => {
  await stack.disposeAsync()
}, 120_000)

test("exec over both protocols, logs -f and a watch go on while relay and agent are killed, and while both are drained", async () => {
  const { kubectl } = stage.user
  const sessions = [
    execSession(kubectl, "websocket"),
    execSession(kubectl, "spdy"),
    logsSession(kubectl),
    watchSession(kubectl),
  ]
  const { sessions: reports } = await strikeAll(
    stage,
    sessions,
    [relayKilled, agentKilled, relayDrained, agentDrained],
    (line) => console.error(`faults: ${line}`),
  )
  expect(reports.filter(({ lost }) => lost !== undefined)).toEqual([])
}, 300_000)
