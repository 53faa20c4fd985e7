import { authProxyHoldMillis, floorBytes, initialWindowBytes, proxyHoldMillis } from "./limits.ts"
import { emptyQueue } from "./sendQueue.ts"
import type { Identity, Live, Role } from "./state.ts"

const create = (role: Role, identity: Identity, instance: string, holdMillis: number, now: number): Live => ({
  phase: "live",
  role,
  identity,
  instance,
  holdMillis,
  generation: 0,
  attached: false,
  dialing: role === "client",
  owesGreeting: false,
  received: 0,
  lastHeard: now,
  owesPong: undefined,
  accepted: role === "server",
  ready: false,
  suspendedAt: undefined,
  noDialBecause: undefined,
  inUse: role === "client",
  busySince: undefined,
  attachedAt: now,
  queue: emptyQueue(),
  peerCredit: floorBytes,
  fin: "none",
  finOut: false,
  readerGone: false,
  progressAt: now,
  delivered: 0,
  creditGiven: floorBytes,
  window: initialWindowBytes,
  peerFin: false,
  owesAck: false,
  ackAt: Number.POSITIVE_INFINITY,
  ackedOffset: 0,
  owesCredit: false,
  owesDrain: false,
  draining: false,
  peerEnded: false,
  pingId: 0,
  owesPing: false,
  pingSentAt: undefined,
  minRttMillis: Number.POSITIVE_INFINITY,
  rttProbeAt: now,
  sampleAt: now,
  sampleDelivered: 0,
  lastDelivery: Number.NEGATIVE_INFINITY,
  sendRate: undefined,
  rateAt: now,
  rateAcked: 0,
})

/** The proxy's end, whose first dial is under way. */
export const createClient = (identity: Identity, now: number, holdMillis: number = proxyHoldMillis): Live =>
  create("client", identity, "", holdMillis, now)

/** The auth proxy's end; feed it `offered` with the opening frame next. */
export const createServer = (
  identity: Identity,
  instance: string,
  now: number,
  holdMillis: number = authProxyHoldMillis,
): Live => create("server", identity, instance, holdMillis, now)
