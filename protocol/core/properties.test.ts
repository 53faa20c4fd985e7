import { expect, test } from "bun:test"
import fc from "fast-check"
import { reason } from "./reasons.ts"
import { holdMillis, type Side, World } from "./simulation.ts"
import type { Role } from "./state.ts"

/**
 * Every failure prints fast-check's seed and path; put them into the second argument of fc.assert to see it again.
 * `bun run test:long streams` asks for more.
 */
const runs = { numRuns: Number(process.env.CLUSTERCONNECT_PROPERTY_RUNS ?? 1_000) }
const timeoutMillis = 60 * Math.max(runs.numRuns, 1_000)

type Command =
  | { readonly do: "write" | "read"; readonly role: Role; readonly bytes: number }
  | {
      readonly do: "deliver"
      readonly to: Role
      readonly count: number
      readonly twice: boolean
      readonly back: number
    }
  | { readonly do: "cut"; readonly code: number }
  | { readonly do: "learn"; readonly role: Role; readonly back: number }
  | { readonly do: "dial" | "refuse" }
  | { readonly do: "pass"; readonly millis: number; readonly asleep: boolean }
  | { readonly do: "room"; readonly role: Role; readonly room: number }
  | { readonly do: "end" | "drain" | "probe" | "reset" | "gone"; readonly role: Role }

const role = fc.constantFrom<Role>("client", "server")
const bytes = fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.constantFrom(1, 4_096, 16_384, 65_536))
const back = fc.constantFrom(0, 0, 0, 1, 2)

const moving: fc.WeightedArbitrary<Command>[] = [
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("write" as const, "read" as const), role, bytes }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant("deliver" as const),
      to: role,
      count: fc.integer({ min: 1, max: 12 }),
      twice: fc.boolean(),
      back,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cut" as const), code: fc.constantFrom(1006, 1001, 4001) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("learn" as const), role, back }) },
  { weight: 4, arbitrary: fc.constant({ do: "dial" as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      millis: fc.oneof({ weight: 20, arbitrary: fc.nat(6_000) }, { weight: 1, arbitrary: fc.nat(100_000) }),
      asleep: fc.constant(false),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("room" as const), role, room: fc.constantFrom(0, 100, 70_000, 131_072) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom("end" as const, "drain" as const, "probe" as const), role }),
  },
]
const killing: fc.WeightedArbitrary<Command>[] = [
  { weight: 1, arbitrary: fc.constant({ do: "refuse" as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("reset" as const, "gone" as const), role }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cut" as const), code: fc.constant(4003) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("pass" as const), millis: fc.nat(2 * holdMillis), asleep: fc.boolean() }),
  },
]

const budgets = fc.tuple(fc.constantFrom(0, 10_000, 300_000, 1 << 24), fc.constantFrom(0, 10_000, 300_000, 1 << 24))

const apply = (world: World, command: Command) => {
  const side = (role: Role) => (role === "client" ? world.client : world.server)
  switch (command.do) {
    case "write":
      return world.write(side(command.role), command.bytes)
    case "read":
      return world.read(side(command.role), command.bytes)
    case "deliver":
      for (let count = command.count; count > 0; count -= 1)
        world.deliver(world.generation - command.back, command.to, command.twice)
      return
    case "cut":
      return world.cut(world.generation, command.code)
    case "learn":
      return world.learn(world.generation - command.back, command.role)
    case "dial":
      return world.attach()
    case "refuse":
      return world.refuse()
    case "pass":
      return world.pass(command.millis, command.asleep)
    case "room":
      side(command.role).room = command.room
      return world.feed(side(command.role), { type: "tick" })
    case "end":
      return world.feed(side(command.role), { type: "localEnd" })
    case "drain":
      return world.feed(world.server, { type: "drain" })
    case "probe":
      return world.feed(world.client, { type: "probe" })
    case "reset":
      return world.feed(side(command.role), { type: "reset", reason: "application" })
    case "gone":
      side(command.role).left = true
      return world.feed(side(command.role), { type: "localGone" })
  }
}

/** The network is well again: dials succeed, everything arrives, readers read, writers end. */
const settle = (world: World) => {
  for (let round = 0; round < 2_000; round += 1) {
    for (const side of [world.client, world.server]) {
      side.room = 131_072
      world.read(side, side.waiting)
      world.feed(side, { type: "localEnd" })
    }
    for (const generation of world.links.keys())
      for (const role of ["client", "server"] as const) {
        while (world.deliver(generation, role));
        world.learn(generation, role)
      }
    world.attach()
    world.pass(30)
    if (world.client.state.phase === "gone" && world.server.state.phase !== "live") return
  }
}

const never = (side: Side) => side.ends.length === 0 && side.state.phase === "gone"

const run = (commands: readonly Command[], [clientBudget, serverBudget]: readonly [number, number]) => {
  const world = new World(clientBudget, serverBudget)
  for (const command of commands) apply(world, command)
  return world
}

test(
  "every byte arrives once and in order, whatever is cut, delayed or repeated",
  () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...moving), { maxLength: 150, size: "max" }), budgets, (commands, budgets) => {
        const world = run(
          [
            { do: "dial" },
            { do: "deliver", to: "server", count: 1, twice: false, back: 0 },
            { do: "deliver", to: "client", count: 1, twice: false, back: 0 },
            ...commands,
          ],
          budgets,
        )
        settle(world)
        expect(world.violations).toEqual([])
        const ends = [...world.client.ends, ...world.server.ends].map((end) => end.reason)
        // A pass of time may be longer than the hold; otherwise both ends are clean.
        fc.pre(!ends.includes(reason.holdExpired))
        expect(ends).toEqual([reason.closed, reason.closed])
        expect(world.server.delivered).toBe(world.client.written)
        expect(world.client.delivered).toBe(world.server.written)
        expect(world.client.endDelivered && world.server.endDelivered).toBe(true)
      }),
      runs,
    )
  },
  timeoutMillis,
)

test(
  "in flight never exceeds the window and kept bytes never exceed the cap or the budget",
  () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(...moving, ...killing), { maxLength: 200, size: "max" }),
        budgets,
        (commands, budgets) => {
          const world = run([{ do: "dial" }, ...commands], budgets)
          expect(world.violations).toEqual([])
          for (const side of [world.client, world.server]) expect(side.protocolErrors).toEqual([])
        },
      ),
      runs,
    )
  },
  timeoutMillis,
)

test(
  "every stream ends once at each end, and nothing is left when the tombstones' time is over",
  () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(...moving, ...killing), { maxLength: 150, size: "max" }),
        budgets,
        fc.boolean(),
        (commands, budgets, heal) => {
          const world = run([{ do: "dial" }, ...commands], budgets)
          if (heal) settle(world)
          else world.cut(world.generation)
          for (const generation of world.links.keys())
            for (const role of ["client", "server"] as const) world.learn(generation, role)
          // A stream that only its own reader keeps lasts as long as that reader.
          for (const side of [world.client, world.server]) world.read(side, side.waiting)
          // The hold of the longer side, then its tombstone, then the same for a last resume in between.
          for (let turn = 0; turn < 3; turn += 1) world.pass(2 * holdMillis)
          world.feed(world.client, { type: "dialEnded", reason: "stopped" })
          for (const side of [world.client, world.server]) {
            expect(side.state.phase).toBe("gone")
            if (side === world.client || !never(side)) expect(side.ends).toHaveLength(1)
            if (!never(side)) expect(side.forgets).toBe(1)
          }
          expect(world.violations).toEqual([])
        },
      ),
      runs,
    )
  },
  timeoutMillis,
)

test(
  "a clean end at one side means that every byte of both directions was delivered there",
  () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(...moving, ...killing), { maxLength: 200, size: "max" }),
        budgets,
        (commands, budgets) => {
          const world = run([{ do: "dial" }, ...commands], budgets)
          settle(world)
          // The world looks at the moment of each clean end.
          expect(world.violations).toEqual([])
        },
      ),
      runs,
    )
  },
  timeoutMillis,
)
