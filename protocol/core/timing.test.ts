import { expect, test } from "bun:test"
import type { Frame } from "../frame.ts"
import { createClient, createServer } from "./create.ts"
import { floorBytes } from "./limits.ts"
import { nextDeadline } from "./liveness.ts"
import { reason } from "./reasons.ts"
import { holdMillis, World } from "./simulation.ts"
import type { Action, Event, Live, State } from "./state.ts"
import { step } from "./step.ts"
import { fittingWindow } from "./window.ts"

const identity = { streamId: new Uint8Array(16), resumeSecret: new Uint8Array(32) }

/** One client core with a clock; the peer is played by the test. */
const client = () => {
  let state: State = createClient(identity, 0, holdMillis)
  let wall = 0
  const feed = (now: number, event: Record<string, unknown>): readonly Action[] => {
    const { room = 131_072, ...rest } = event
    const at = { now, wall: wall + now, spare: 1 << 24, room }
    const [next, actions] = step(state, { ...rest, at } as unknown as Event)
    state = next
    return actions
  }
  const frame = (now: number, frame: Frame) => feed(now, { type: "frame", generation: generation(), frame })
  const generation = () => (state.phase === "live" ? state.generation : 0)
  return {
    feed,
    frame,
    get live() {
      if (state.phase !== "live") throw new Error(`the stream is ${state.phase}`)
      return state as Live
    },
    get phase() {
      return state.phase
    },
    due: () => nextDeadline(state),
    sleep: (millis: number) => {
      wall += millis
    },
    accept: (now = 0) => {
      feed(now, { type: "attached", generation: 1 })
      frame(now, { type: "accepted", receivedOffset: 0, creditLimit: 262_144, instance: "a:1#n" })
    },
  }
}

const sent = (actions: readonly Action[]) =>
  actions.flatMap((action) => (action.type === "send" ? [action.frame.type] : []))
const types = (actions: readonly Action[]) => actions.map((action) => action.type)

test("a stream in use pings after 2.5 s of silence and dials beside the carrier 2.5 s later", () => {
  const it = client()
  it.accept()
  expect(it.due()).toBe(2_500)
  expect(sent(it.feed(2_499, { type: "tick" }))).toEqual([])
  expect(sent(it.feed(2_500, { type: "tick" }))).toEqual(["ping"])
  expect(it.due()).toBe(5_000)
  const actions = it.feed(5_000, { type: "tick" })
  expect(actions).toContainEqual({ type: "dial", parallel: true })
  expect(types(actions)).toContain("suspended")
})

test("a slow link's pong has four round trips more, but no stream is doubted later than 9 s after the last frame", () => {
  for (const [roundTrip, patience] of [
    [40, 2_660],
    [1_000, 6_500],
    [4_000, 6_500],
  ] as const) {
    const it = client()
    it.feed(0, { type: "attached", generation: 1 })
    it.frame(roundTrip, { type: "accepted", receivedOffset: 0, creditLimit: 65_536, instance: "a:1#n" })
    it.feed(roundTrip + 2_500, { type: "tick" })
    expect(it.due()).toBe(roundTrip + 2_500 + patience)
    // Idle, asked for life by its pool.
    it.frame(roundTrip + 2_600, { type: "credit", limit: 1 })
    it.feed(roundTrip + 2_600, { type: "use", inUse: false })
    it.feed(20_000, { type: "probe" })
    expect(it.due()).toBe(20_000 + patience)
    expect(types(it.feed(20_000 + patience, { type: "tick" }))).toContain("dial")
  }
})

test("any frame is life: the missed ping is forgotten", () => {
  const it = client()
  it.accept()
  it.feed(2_500, { type: "tick" })
  it.frame(4_900, { type: "credit", limit: 1 })
  expect(types(it.feed(5_000, { type: "tick" }))).not.toContain("dial")
  expect(it.due()).toBe(7_400)
})

test("a stream that is not in use is pinged only every minute, until it has something unacknowledged", () => {
  const it = client()
  it.accept()
  it.feed(0, { type: "use", inUse: false })
  expect(it.due()).toBe(60_000)
  it.feed(10_000, { type: "local", bytes: new Uint8Array(1) })
  expect(it.due()).toBe(12_500)
  it.feed(12_500, { type: "tick" })
  expect(types(it.feed(15_000, { type: "tick" }))).toContain("dial")
})

test("a frame on the doubted carrier ends the doubt, and the carrier dialled meanwhile still wins", () => {
  const it = client()
  it.accept()
  it.feed(2_500, { type: "tick" })
  it.feed(5_000, { type: "tick" })
  expect(types(it.frame(5_100, { type: "pong", id: 1 }))).toContain("resumed")
  const actions = it.feed(5_200, { type: "attached", generation: 2 })
  expect(actions[0]).toMatchObject({ type: "close", generation: 1, code: 4009 })
  expect(sent(actions)).toEqual(["resume"])
  const late = it.feed(5_300, {
    type: "frame",
    generation: 1,
    frame: { type: "data", offset: 0, payload: new Uint8Array(1) },
  })
  expect(late).toEqual([])
})

test("an open that is not answered within 5 s ends the stream instead of guessing who holds it", () => {
  const it = client()
  it.feed(0, { type: "attached", generation: 1 })
  const actions = it.feed(5_000, { type: "tick" })
  expect(actions.find((action) => action.type === "ended")).toMatchObject({ reason: reason.notAccepted })
  expect(types(actions)).not.toContain("dial")
})

test("at most 16 KiB travel before accepted", () => {
  const it = client()
  it.feed(0, { type: "local", bytes: new Uint8Array(16_384) })
  const actions = it.feed(0, { type: "attached", generation: 1 })
  expect(sent(actions)).toEqual(["open", "data"])
  expect(it.live.peerCredit).toBe(16_384)
})

test("the hold ends by the clock on the wall although no timer ran: a laptop slept", () => {
  const it = client()
  it.accept()
  it.feed(1_000, { type: "lost", generation: 1, code: 1006 })
  it.sleep(holdMillis)
  const actions = it.feed(1_001, { type: "attached", generation: 2 })
  expect(actions.find((action) => action.type === "ended")).toMatchObject({ reason: reason.holdExpired })
})

test("the hold ends by the timer although the clock on the wall was set back", () => {
  const it = client()
  it.accept()
  it.feed(1_000, { type: "lost", generation: 1, code: 1006 })
  it.sleep(-10 * holdMillis)
  expect(it.due()).toBe(1_000 + holdMillis)
  const actions = it.feed(1_000 + holdMillis, { type: "tick" })
  expect(actions.find((action) => action.type === "ended")).toMatchObject({ reason: reason.holdExpired })
})

test("a server that hears nothing for its hold time ends, although its carrier never broke", () => {
  const world = new World(1 << 20, 1 << 20)
  world.attach()
  world.deliver(1, "server")
  world.deliver(1, "client")
  world.server.room = 0
  const quiet = world.now
  // The client's pings are lost on the way; the carrier itself stays open.
  world.client.room = 0
  world.pass(330_000)
  expect(world.server.ends.map((end) => end.reason)).toEqual([reason.holdExpired])
  expect(world.now - quiet).toBe(330_000)
})

test("an ack waits 25 ms for more, and not at all after half of the first window", () => {
  const it = client()
  it.accept()
  expect(sent(it.frame(10, { type: "data", offset: 0, payload: new Uint8Array(100) }))).toEqual([])
  expect(it.due()).toBe(35)
  expect(sent(it.feed(35, { type: "tick" }))).toEqual(["ack"])
  expect(sent(it.frame(40, { type: "data", offset: 100, payload: new Uint8Array(65_536) }))).toEqual([])
  expect(sent(it.frame(41, { type: "data", offset: 65_636, payload: new Uint8Array(65_536) }))).toEqual(["ack"])
})

test("ack, credit and ping go before data in the next slot", () => {
  const it = client()
  it.accept()
  it.live.sendRate = 1_000
  it.feed(0, { type: "local", bytes: new Uint8Array(262_144) })
  const state = it.live
  state.owesAck = true
  state.owesCredit = true
  state.owesPing = true
  expect(sent(it.feed(0, { type: "tick" })).slice(0, 4)).toEqual(["ack", "credit", "ping", "data"])
})

test("a server measures the round trip of each new carrier before its own load is in the way", () => {
  let state: State = createServer(identity, "a:1#n", 0)
  const feed = (now: number, event: Record<string, unknown>): readonly Action[] => {
    const [next, actions] = step(state, { ...event, at: { now, wall: now, spare: 1 << 24, room: 131_072 } } as Event)
    state = next
    return actions
  }
  for (const [generation, now] of [
    [1, 0],
    [2, 5_000],
  ] as const) {
    const actions = feed(now, { type: "offered", generation, receivedOffset: 0, creditLimit: 262_144 })
    expect(sent(actions).slice(0, 2)).toEqual(["accepted", "ping"])
    const { pingId } = state as Live
    feed(now + 1_000, { type: "frame", generation, frame: { type: "pong", id: pingId } })
    expect((state as Live).minRttMillis).toBe(1_000)
  }
})

test("credit is renewed only for what the reader took", () => {
  const it = client()
  it.accept()
  const limit = it.live.creditGiven
  for (let offset = 0; offset < 262_144; offset += 65_536)
    it.frame(1, { type: "data", offset, payload: new Uint8Array(65_536) })
  expect(it.live.creditGiven).toBe(limit)
  expect(sent(it.feed(2, { type: "delivered", bytes: 65_536 }))).not.toContain("credit")
  const renewed = it.feed(2, { type: "delivered", bytes: 65_536 })
  expect(renewed).toContainEqual({ type: "send", frame: { type: "credit", limit: limit + 131_072 } })
})

test("a window is measured although its sender waits for credit for more than a second", () => {
  const it = client()
  it.feed(0, { type: "attached", generation: 1 })
  it.frame(2_000, { type: "accepted", receivedOffset: 0, creditLimit: 65_536, instance: "a:1#n" })
  let offset = 0
  for (let now = 4_000; now <= 12_000; now += 2_000)
    for (let part = 0; part < 2; part += 1, offset += 131_072) {
      it.frame(now + part * 10, { type: "data", offset, payload: new Uint8Array(131_072) })
      it.feed(now + part * 10, { type: "delivered", bytes: 131_072 })
    }
  expect(it.live.window).toBeGreaterThan(400_000)
})

test("the window is twice rate times minimum RTT and the floor, at most 8 MiB, and below 256 KiB only for a path that would queue for a second", () => {
  const perMilli = (bitsPerSecond: number) => bitsPerSecond / 8 / 1_000
  expect(fittingWindow(perMilli(500e6), 100)).toBe(8 * 1024 * 1024)
  expect(fittingWindow(perMilli(100e6), 40)).toBe(1_000_000 + floorBytes)
  expect(fittingWindow(perMilli(2.5e9), 0.2)).toBe(256 * 1024)
  expect(fittingWindow(perMilli(256e3), 1_000)).toBe(64_000 + floorBytes)
  expect(fittingWindow(perMilli(1e3), 0)).toBe(floorBytes)
})

/** A link of 256 kbit/s and 1 s RTT in each direction, with a queue as deep as the sender likes. */
test("ten minutes of upload and download at 256 kbit/s and 1 s RTT pass without a cut", () => {
  const world = new World(1 << 24, 1 << 24)
  world.attach()
  const link = world.links.get(1)!
  const bytesPerMilli = 32
  const flying = { server: [] as [number, Uint8Array][], client: [] as [number, Uint8Array][] }
  const freeAt = { server: 0, client: 0 }
  for (let elapsed = 0; elapsed < 600_000; elapsed += 5) {
    world.write(world.client, 1 << 20)
    world.write(world.server, 1 << 20)
    for (const to of ["server", "client"] as const) {
      const queue = to === "server" ? link.toServer : link.toClient
      for (const message of queue.splice(0)) {
        freeAt[to] = Math.max(freeAt[to], world.now) + message.byteLength / bytesPerMilli
        flying[to].push([freeAt[to] + 500, message])
      }
      while (flying[to][0] !== undefined && flying[to][0][0] <= world.now) {
        queue.push(flying[to].shift()![1])
        world.deliver(1, to)
        const later = queue.splice(0)
        for (const message of later) {
          freeAt[to] = Math.max(freeAt[to], world.now) + message.byteLength / bytesPerMilli
          flying[to].push([freeAt[to] + 500, message])
        }
      }
      const side = to === "server" ? world.server : world.client
      world.read(side, side.waiting)
    }
    world.pass(5)
  }
  expect(world.client.wantsDial).toBe(false)
  expect(world.client.suspensions).toBe(0)
  expect(world.violations).toEqual([])
  // Credits wait behind the data of the other direction, so neither can be full.
  expect(world.server.delivered).toBeGreaterThan(0.5 * 600_000 * bytesPerMilli)
  expect(world.client.delivered).toBeGreaterThan(0.5 * 600_000 * bytesPerMilli)
}, 60_000)

test("a client whose last ack was lost brings it on a new carrier", () => {
  const world = new World(1 << 20, 1 << 20)
  world.attach()
  world.deliver(1, "server")
  world.deliver(1, "client")
  world.feed(world.client, { type: "localEnd" })
  world.feed(world.server, { type: "localEnd" })
  while (world.deliver(1, "server"));
  // The client gets the server's ack and fin, and ends; its own ack is lost with the carrier.
  while (world.deliver(1, "client"));
  expect(world.client.ends).toHaveLength(1)
  expect(world.server.ends).toHaveLength(0)
  world.cut(1)
  world.learn(1, "client")
  world.learn(1, "server")
  world.attach()
  for (let turn = 0; turn < 6; turn += 1) {
    while (world.deliver(2, "server"));
    while (world.deliver(2, "client"));
    world.learn(2, "client")
    world.learn(2, "server")
  }
  expect(world.server.ends.map((end) => end.reason)).toEqual([reason.closed])
  expect(world.client.state.phase).toBe("gone")
})

test("a server whose hold time is over resets the stream on the carrier that resumes it afterwards", () => {
  let state: State = createServer(identity, "a:1#n", 0, holdMillis)
  const feed = (now: number, event: Record<string, unknown>) => {
    const [next, actions] = step(state, { ...event, at: { now, wall: now, spare: 1 << 24, room: 131_072 } } as Event)
    state = next
    return actions
  }
  feed(0, { type: "offered", generation: 1, receivedOffset: 0, creditLimit: 262_144 })
  feed(1, { type: "lost", generation: 1, code: 1006 })
  expect(feed(holdMillis + 1, { type: "tick" })).toContainEqual(
    expect.objectContaining({ type: "ended", reason: reason.holdExpired }),
  )
  const answered = feed(holdMillis + 2, { type: "offered", generation: 2, receivedOffset: 0, creditLimit: 262_144 })
  expect(answered).toContainEqual({ type: "send", frame: { type: "reset", offset: 0, reason: reason.holdExpired } })
})

test("an ack that cannot be sent asks for no more ticks", () => {
  for (const block of [{ type: "lost", generation: 1, code: 1006 }, { type: "tick" }]) {
    const it = client()
    it.accept()
    it.frame(1, { type: "data", offset: 0, payload: Buffer.from("a few bytes") })
    it.feed(2, { ...block, room: 0 })
    it.feed(26, { type: "tick", room: 0 })
    expect(it.due()).toBeGreaterThan(26)
    if (block.type === "tick") expect(sent(it.feed(27, { type: "tick" }))).toContain("ack")
  }
})

test("a dial that is refused beside a living carrier ends nothing, and the next break asks again", () => {
  const it = client()
  it.accept()
  it.feed(2_500, { type: "tick" })
  it.feed(5_000, { type: "tick" })
  it.frame(5_100, { type: "pong", id: 1 })
  expect(types(it.feed(5_200, { type: "dialEnded", reason: "relay-token-expired" }))).toEqual([])
  expect(it.phase).toBe("live")
  expect(types(it.feed(6_000, { type: "lost", generation: 1, code: 1006 }))).toContain("dial")
})

test("a refused dial beside a silent carrier waits for that carrier, and ends the stream by its word when it is lost", () => {
  const refusedBesideSilence = () => {
    const it = client()
    it.accept()
    it.feed(2_500, { type: "tick" })
    it.feed(5_000, { type: "tick" })
    expect(types(it.feed(5_200, { type: "dialEnded", reason: "relay-token-expired" }))).toEqual([])
    expect(types(it.feed(20_000, { type: "tick" }))).toEqual([])
    return it
  }
  const ended = expect.objectContaining({ type: "ended", reason: "relay-token-expired" })
  expect(refusedBesideSilence().feed(21_000, { type: "lost", generation: 1, code: 1006 })).toContainEqual(ended)
  expect(refusedBesideSilence().feed(5_000 + holdMillis, { type: "tick" })).toContainEqual(ended)
  const revived = refusedBesideSilence()
  revived.frame(21_000, { type: "pong", id: 1 })
  expect(types(revived.feed(22_000, { type: "lost", generation: 1, code: 1006 }))).toContain("dial")
})

test("an auth proxy that is gone ends the stream although a silent carrier is left", () => {
  const it = client()
  it.accept()
  it.feed(2_500, { type: "tick" })
  it.feed(5_000, { type: "tick" })
  const actions = it.feed(40_000, { type: "dialEnded", reason: reason.authProxyGone })
  expect(actions).toContainEqual(expect.objectContaining({ type: "ended", reason: reason.authProxyGone }))
})

test("a client that has ended and may not dial any more forgets the stream at once", () => {
  const it = client()
  it.accept()
  it.feed(1, { type: "reset", reason: "application" })
  expect(types(it.feed(2, { type: "lost", generation: 1, code: 1006 }))).toEqual(["dial"])
  expect(types(it.feed(3, { type: "dialEnded", reason: "forbidden" }))).toEqual(["forget"])
  expect(it.phase).toBe("gone")
})
