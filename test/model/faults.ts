import type { Model } from "./Model.ts"

const kinds = [
  "cut",
  "relay-killed",
  "relay-drained",
  "agent-killed",
  "agent-drained",
  "user-link",
  "agent-link",
  "cluster-link",
  "user-frozen",
  "user-asleep",
  "relay-frozen",
  "agent-frozen",
  "auth-proxy-drained",
] as const
export type FaultKind = (typeof kinds)[number]

export interface Fault {
  readonly kind: FaultKind
  readonly atMillis: number
  readonly lastsMillis: number
}

/** A draining program goes when its carriers have moved; the next one starts after it. */
const drainMillis = 1_000

/** Makes one thing break now, and well again after its time. Says what it was. */
export const strike = (model: Model): Fault => {
  const { clock, random, network } = model
  const kind = kinds[Math.floor(random() * kinds.length)]!
  const index = random() < 0.5 ? 0 : 1
  const agentHost = model.agentHosts[index]
  const upTo = (millis: number) => 200 + random() * millis
  const fault = (lastsMillis: number): Fault => {
    model.outages.push({ from: clock.now, to: clock.now + lastsMillis })
    return { kind, atMillis: clock.now, lastsMillis }
  }
  switch (kind) {
    case "cut": {
      const open = [...network.open]
      open[Math.floor(random() * open.length)]?.reset()
      return fault(0)
    }
    case "relay-killed":
    case "relay-drained": {
      const down = upTo(4_000)
      const gone = kind === "relay-drained" ? drainMillis : 0
      if (kind === "relay-drained") model.relay.drain()
      clock.after(gone, () => model.kill(model.relayHost))
      clock.after(gone + down, () => model.restartRelay())
      return fault(gone + down)
    }
    case "agent-killed":
    case "agent-drained": {
      const down = upTo(4_000)
      const gone = kind === "agent-drained" ? drainMillis : 0
      if (kind === "agent-drained") model.agents[index]?.drain()
      clock.after(gone, () => model.kill(agentHost))
      clock.after(gone + down, () => model.restartAgent(index))
      return fault(gone + down)
    }
    case "user-link":
    case "agent-link":
    case "cluster-link": {
      const down = upTo(25_000)
      const [a, b] =
        kind === "user-link"
          ? [model.user, model.relayHost]
          : kind === "agent-link"
            ? [agentHost, model.relayHost]
            : [agentHost, model.authHosts[random() < 0.5 ? 0 : 1]]
      network.drop(a, b, down)
      return fault(down)
    }
    case "user-frozen":
    case "user-asleep":
    case "relay-frozen":
    case "agent-frozen": {
      const host = kind === "relay-frozen" ? model.relayHost : kind === "agent-frozen" ? agentHost : model.user
      const down = upTo(kind === "user-asleep" ? 100_000 : 30_000)
      host.stop(kind === "user-asleep")
      clock.after(down, () => host.goOn())
      return fault(down)
    }
    case "auth-proxy-drained":
      model.authProxies[index].drain()
      return fault(0)
  }
}
