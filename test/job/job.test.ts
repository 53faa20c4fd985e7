/**
 * A CI job that deploys to two real clusters which nobody can dial into: `clusterconnect run` with real kubectl and real helm. The
 * sessions that must outlive their tokens begin first and end last, so that their minute costs no minute.
 */
import { afterAll, beforeAll, describe } from "bun:test"
import { deploying } from "./scenarios/deploying.ts"
import { entries } from "./scenarios/entries.ts"
import { beginLasting, type Lasting, lasting } from "./scenarios/lasting.ts"
import { secrets } from "./scenarios/secrets.ts"
import { waiting } from "./scenarios/waiting.ts"
import { startTwoClusters, type TwoClusters } from "./TwoClusters.ts"

/** Building Kubernetes on two cores takes ten minutes the first time, and helm two. */
const startLimitMillis = 1_800_000

const stack = new AsyncDisposableStack()
let world: TwoClusters
let sessions: Lasting

beforeAll(async () => {
  world = await startTwoClusters(stack, (line) => console.error(`job: ${line}`))
  sessions = await beginLasting(stack, world)
}, startLimitMillis)

afterAll(() => stack.disposeAsync(), 120_000)

describe("a job that deploys to two clusters", () => deploying(() => world))
describe("what others see of a job", () => secrets(() => world))
describe("kubeconfig entries that stay", () => entries(() => world))
describe("a cluster that is not there yet", () => waiting(() => world))
describe("sessions longer than their tokens", () =>
  lasting(
    () => world,
    () => sessions,
  ))
