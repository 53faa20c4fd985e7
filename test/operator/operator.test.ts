/**
 * The operator as users install it, on a real Kubernetes that nobody can dial into: its own image from a registry inside, operator,
 * agent and auth proxy as pods; relay, identity provider and proxies outside. One world for all scenarios, in this order.
 */
import { afterAll, beforeAll, describe, setDefaultTimeout } from "bun:test"
import type { User } from "../world/User.ts"
import type { OperatorWorld } from "./OperatorWorld.ts"
import { children } from "./scenarios/children.ts"
import { byFlux } from "./scenarios/flux.ts"
import { byHelm } from "./scenarios/helm.ts"
import { leadership } from "./scenarios/leadership.ts"
import { leaving } from "./scenarios/leaving.ts"
import { path } from "./scenarios/path.ts"
import { quiet } from "./scenarios/quiet.ts"
import { rights } from "./scenarios/rights.ts"
import { rotation } from "./scenarios/rotation.ts"
import { troubles } from "./scenarios/troubles.ts"
import { startConnected } from "./startConnected.ts"

setDefaultTimeout(300_000)

/** Everything built on two cores with nothing cached. */
const buildMillis = 30 * 60_000

const stack = new AsyncDisposableStack()
let world: OperatorWorld
let alice: User

beforeAll(async () => {
  ;({ world, alice } = await startConnected(stack, (line) => console.error(`operator: ${line}`)))
}, buildMillis)

afterAll(async () => {
  await stack.disposeAsync()
}, 120_000)

describe("installed by install.yaml", () =>
  path(
    () => world,
    () => alice,
  ))
describe("when nothing changes", () => quiet(() => world))
describe("the accounts that it made", () => rights(() => world))
describe("what the operator made", () =>
  children(
    () => world,
    () => alice,
  ))
describe("credentials replaced on demand", () =>
  rotation(
    () => world,
    () => alice,
  ))
describe("two operators", () => leadership(() => world))
describe("in trouble", () =>
  troubles(
    () => world,
    () => alice,
  ))
describe("taken away again", () =>
  leaving(
    () => world,
    () => alice,
  ))
describe("installed by helm", () => byHelm(() => world))
describe("installed by Flux", () => byFlux(() => world))
