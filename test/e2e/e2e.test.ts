/**
 * The whole product on a real Kubernetes that nobody can dial into. One world for all scenarios: building it costs more than they do,
 * and what the relay saw is judged over everything that happened.
 */
import { afterAll, beforeAll, describe } from "bun:test"
import { BUSYBOX_IMAGE } from "../cluster/image/testImages.ts"
import { startWorld, type User, type World } from "../world/World.ts"
import { prepare } from "./fixtures.ts"
import { blindness } from "./scenarios/blindness.ts"
import { copying } from "./scenarios/copying.ts"
import { examination } from "./scenarios/examination.ts"
import { identity } from "./scenarios/identity.ts"
import { isolation } from "./scenarios/isolation.ts"
import { leftovers } from "./scenarios/leftovers.ts"
import { reading } from "./scenarios/reading.ts"
import { sessions } from "./scenarios/sessions.ts"
import { terminal } from "./scenarios/terminal.ts"
import { writing } from "./scenarios/writing.ts"
import { directSide, type Sides } from "./sides.ts"

/** Building Kubernetes on two cores takes ten minutes the first time. */
const startLimitMillis = 1_500_000

const stack = new AsyncDisposableStack()
let world: World
let alice: User
let bob: User
let sides: Sides

beforeAll(async () => {
  world = await startWorld(stack, {
    level: "node",
    holdSeconds: 10,
    onProgress: (line) => console.error(`e2e: ${line}`),
  })
  await prepare(world.cluster, BUSYBOX_IMAGE)
  alice = await world.user("alice", ["team-a", "ops, night"])
  bob = await world.user("bob", ["team-b"])
  sides = {
    direct: directSide(world.cluster, { username: "oidc:alice", groups: ["oidc:team-a", "oidc:ops, night"] }),
    tunnel: alice.kubectl,
  }
}, startLimitMillis)

afterAll(async () => {
  await stack.disposeAsync()
}, 120_000)

describe("with all inbound traffic dropped", () => isolation(() => world))
describe("identity", () =>
  identity(
    () => world,
    () => ({ alice: alice.kubectl, bob: bob.kubectl }),
    () => sides,
  ))
describe("examination", () =>
  examination(
    () => world,
    () => alice,
  ))
describe("reading", () => reading(() => sides))
describe("writing", () => writing(() => sides))
describe("sessions", () =>
  sessions(
    () => sides,
    () => ({ kubectl: world.cluster.kubectl, kubeconfig: alice.kubeconfig }),
  ))
describe("copying", () => copying(() => sides))
describe("leftovers", () =>
  leftovers(
    () => world,
    () => alice,
  ))
describe("the relay", () => blindness(() => world))
describe("a terminal", () => terminal(() => world))
describe("still with all inbound traffic dropped", () => isolation(() => world))
