import { expect, test } from "bun:test"
import fc from "fast-check"
import { documentIn, rotatable } from "./CredentialState.ts"
import { dayMillis, newWorld } from "./testing/RotationWorld.ts"

const event = fc.oneof(
  fc.constant({ type: "pass" } as const),
  fc.constant({ type: "crash" } as const),
  fc.record({ type: fc.constant("agent" as const), index: fc.nat(1) }),
  fc.record({ type: fc.constant("auth-proxy" as const), index: fc.nat(1) }),
  fc.record({ type: fc.constant("relay" as const), up: fc.boolean() }),
  fc.record({ type: fc.constant("request" as const), what: fc.constantFrom(...rotatable), value: fc.nat(3) }),
  fc.record({ type: fc.constant("days" as const), days: fc.integer({ min: -40, max: 40 }) }),
  fc.record({ type: fc.constant("audience" as const), audience: fc.constantFrom("a", "b") }),
)

test("whatever happens in whatever order: nobody who follows is locked out, and all comes to rest", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
      const world = await newWorld()
      for (const one of events) {
        if (one.type === "pass" || one.type === "crash") await world.pass(one.type === "crash")
        if (one.type === "agent") world.agentMoves(one.index)
        if (one.type === "auth-proxy") world.authProxyMoves(one.index)
        if (one.type === "relay") world.relayAnswers = one.up
        if (one.type === "days") world.nowMillis += one.days * dayMillis
        if (one.type === "audience")
          world.wanted = { ...world.wanted, audiences: { "https://idp.example.com": one.audience } }
        if (one.type === "request")
          world.wanted = {
            ...world.wanted,
            requests: { ...world.wanted.requests, [one.what]: String(one.value) },
          }
        world.check()
      }
      await world.settle()
      expect(documentIn(world.state).sessionKeys).toHaveLength(1)
      expect(documentIn(world.state).roots).toHaveLength(1)
      expect(world.relayDocument).toBe(world.state.signedDocument)
    }),
    {
      numRuns: 60,
      examples: [
        // An agent whose files are late shows a document by the identity of before.
        [
          [
            { type: "request", what: "identity", value: 0 },
            { type: "crash" },
            { type: "crash" },
            { type: "agent", index: 0 },
          ],
        ],
      ],
    },
  )
}, 120_000)
