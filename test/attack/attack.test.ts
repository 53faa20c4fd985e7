/**
 * Attacks by somebody with a valid account, against the real programs and a real API server. One range for all classes: what
 * reached the API server is judged by its own audit log.
 */
import { afterAll, beforeAll, describe } from "bun:test"
import { account } from "./classes/account.ts"
import { cuts } from "./classes/cuts.ts"
import { enrolment } from "./classes/enrolment.ts"
import { framing } from "./classes/framing.ts"
import { impersonation } from "./classes/impersonation.ts"
import { issuers } from "./classes/issuers.ts"
import { leaks } from "./classes/leaks.ts"
import { localEndpoint } from "./classes/localEndpoint.ts"
import { readOnly } from "./classes/readOnly.ts"
import { revocation } from "./classes/revocation.ts"
import { streams } from "./classes/streams.ts"
import { targets } from "./classes/targets.ts"
import { tokens } from "./classes/tokens.ts"
import { trust } from "./classes/trust.ts"
import { upgrades } from "./classes/upgrades.ts"
import { type AttackRange, startAttackRange } from "./range/AttackRange.ts"

/** Building Kubernetes on two cores takes ten minutes the first time. */
const startLimitMillis = 1_500_000

const stack = new AsyncDisposableStack()
let range: AttackRange

beforeAll(async () => {
  range = await startAttackRange(stack, (line) => console.error(`attack: ${line}`))
}, startLimitMillis)

afterAll(async () => {
  await stack.disposeAsync()
}, 120_000)

describe("identity headers", () => impersonation(() => range))
describe("tokens", () => tokens(() => range))
describe("upgrades", () => upgrades(() => range))
describe("framing", () => framing(() => range))
describe("targets", () => targets(() => range))
describe("issuers", () => issuers(() => range))
describe("the account", () => account(() => range))
describe("the local endpoint", () => localEndpoint(() => range))
describe("enrolment", () => enrolment(() => range))
describe("streams", () => streams(() => range))
describe("cuts", () => cuts(() => range))
describe("profile ReadOnly", () => readOnly(() => range))
describe("revocation", () => revocation(() => range))
describe("trust", () => trust())
describe("leaks", () => leaks(() => range))
