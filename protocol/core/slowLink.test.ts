import { expect, test } from "bun:test"
import { World } from "./simulation.ts"
import type { Role } from "./state.ts"

const bytesPerMilli = 32
const oneWayMillis = 500
const turnMillis = 5

/** 256 kbit/s with 1 s RTT, shared by streams: one queue per direction, as deep as the senders like. */
class SharedLink {
  readonly #worlds: readonly World[]
  readonly #flying: Record<Role, { readonly at: number; readonly world: World; readonly message: Uint8Array }[]> = {
    client: [],
    server: [],
  }
  readonly #freeAt = { client: 0, server: 0 }

  constructor(worlds: readonly World[]) {
    this.#worlds = worlds
    for (const world of worlds) world.attach()
  }

  pass() {
    for (const to of ["client", "server"] as const) {
      for (const world of this.#worlds) this.#send(world, to)
      const flying = this.#flying[to]
      while (flying[0] !== undefined && flying[0].at <= flying[0].world.now) {
        const { world, message } = flying.shift()!
        const queue = queueOf(world, to)
        queue.push(message)
        world.deliver(1, to)
      }
    }
    for (const world of this.#worlds) world.pass(turnMillis)
  }

  /** Everything that was sent since the last look enters the queue. */
  #send(world: World, to: Role) {
    for (const message of queueOf(world, to).splice(0)) {
      this.#freeAt[to] = Math.max(this.#freeAt[to], world.now) + message.byteLength / bytesPerMilli
      this.#flying[to].push({ at: this.#freeAt[to] + oneWayMillis, world, message })
    }
  }
}

const queueOf = (world: World, to: Role) => {
  const link = world.links.get(1)!
  return to === "client" ? link.toClient : link.toServer
}

test("beside bulk both ways on a slow link a ready stream stays, and answers small requests within 10 s", () => {
  const [bulk, ready] = [new World(1 << 24, 1 << 24), new World(1 << 24, 1 << 24)]
  const link = new SharedLink([bulk, ready])
  const taken: number[] = []
  let askedAt: number | undefined
  for (let elapsed = 0; elapsed < 120_000; elapsed += turnMillis) {
    if (elapsed > 10_000) {
      bulk.write(bulk.client, 1 << 20)
      bulk.write(bulk.server, 1 << 20)
    }
    for (const side of [bulk.client, bulk.server]) bulk.read(side, side.waiting)
    if (elapsed % 5_000 === 0 && elapsed > 0) {
      // As the pool does: idle, asked for life, and one request.
      if (askedAt === undefined) ready.feed(ready.client, { type: "use", inUse: false })
      ready.feed(ready.client, { type: "probe" })
      ready.feed(ready.client, { type: "use", inUse: true })
      ready.write(ready.client, 300)
      askedAt ??= ready.now
    }
    if (ready.server.waiting > 0) {
      ready.read(ready.server, ready.server.waiting)
      ready.write(ready.server, 1_000)
    }
    if (ready.client.waiting > 0 && askedAt !== undefined) {
      ready.read(ready.client, ready.client.waiting)
      taken.push(ready.now - askedAt)
      askedAt = undefined
    }
    link.pass()
  }
  expect(ready.client.suspensions).toBe(0)
  expect(bulk.client.suspensions).toBe(0)
  expect([...ready.violations, ...bulk.violations]).toEqual([])
  expect(taken.length).toBeGreaterThan(20)
  expect(Math.max(...taken)).toBeLessThan(10_000)
})

test("two directions of bulk both fill a slow link, whichever began first", () => {
  const bulk = new World(1 << 24, 1 << 24)
  const link = new SharedLink([bulk])
  const taken = { client: 0, server: 0 }
  for (let elapsed = 0; elapsed < 300_000; elapsed += turnMillis) {
    bulk.write(bulk.server, 1 << 20)
    if (elapsed > 30_000) bulk.write(bulk.client, 1 << 20)
    for (const role of ["client", "server"] as const) {
      const side = bulk[role]
      if (elapsed > 180_000) taken[role] += side.waiting
      bulk.read(side, side.waiting)
    }
    link.pass()
  }
  const share = (bytes: number) => bytes / 120_000 / bytesPerMilli
  expect(bulk.violations).toEqual([])
  expect(share(taken.client), "down").toBeGreaterThan(0.75)
  expect(share(taken.server), "up").toBeGreaterThan(0.75)
})
