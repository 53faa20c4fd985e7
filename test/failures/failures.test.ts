/**
 * Every hop and every credential broken in turn, on the real programs and a real API server: what the user sees, how soon, how often,
 * and that the session works again when the cause is gone. The last scenarios break what they cannot mend.
 */
import { afterAll, beforeAll, describe } from "bun:test"
import { startWorld, type World } from "../world/World.ts"
import { fullDisk } from "./scenarios/fullDisk.ts"
import { later } from "./scenarios/later.ts"
import { silentOverTls } from "./scenarios/silentOverTls.ts"
import { starting } from "./scenarios/starting.ts"

/** Building Kubernetes on two cores takes ten minutes the first time. */
const startLimitMillis = 1_500_000

const stack = new AsyncDisposableStack()
let world: World

beforeAll(async () => {
  world = await startWorld(stack, {
    level: "control-plane",
    relayDiskBytes: 4 * 1024 * 1024,
    onProgress: (line) => console.error(`failures: ${line}`),
  })
}, startLimitMillis)

afterAll(async () => {
  await stack.disposeAsync()
}, 120_000)

describe("at the start", () => starting(() => world))
describe("at a relay whose disk is full", () => fullDisk(() => world))
describe("at a relay's TLS port", () => silentOverTls(() => world))
describe("in a session that works", () => later(() => world, stack))
