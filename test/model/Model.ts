import { Host } from "./network/Host.ts"
import { Network } from "./network/Network.ts"
import { seeded, VirtualClock } from "./network/VirtualClock.ts"
import { AgentModel } from "./programs/AgentModel.ts"
import { AuthProxyModel } from "./programs/AuthProxyModel.ts"
import type { CoreDriver, Record } from "./programs/CoreDriver.ts"
import { ProxyStream } from "./programs/ProxyModel.ts"
import { RelayModel } from "./programs/RelayModel.ts"
import type { Wire } from "./programs/Wire.ts"

export interface Pair {
  readonly proxy: ProxyStream
  server: { readonly driver: CoreDriver; readonly record: Record } | undefined
}

/** Time in which every part was well enough for bytes to pass; the rest is outage. */
export interface Outage {
  readonly from: number
  readonly to: number
}

/** One user, one relay, two agents, two auth proxies, their network, and what was seen. */
export class Model {
  readonly clock = new VirtualClock()
  readonly random: () => number
  readonly network: Network<Wire>
  readonly user: Host
  readonly relayHost: Host
  readonly agentHosts: readonly [Host, Host]
  readonly authHosts: readonly [Host, Host]
  readonly pairs: Pair[] = []
  readonly violations: string[] = []
  readonly outages: Outage[] = []
  relay!: RelayModel
  /** See `RelaySurroundings`: with more than a pace lets go at once, the streams of the model have to wait for their turn. */
  readonly #neighbours: number
  readonly agents: [AgentModel | undefined, AgentModel | undefined] = [undefined, undefined]
  readonly authProxies: readonly [AuthProxyModel, AuthProxyModel]

  constructor(seed: number) {
    this.random = seeded(seed)
    const { clock, random } = this
    const host = (name: string) => new Host(name, clock)
    const wide = 5 + random() * 145
    const uplink = 1 + random() * 79
    this.#neighbours = random() < 0.3 ? Math.floor(random() * 500) : 0
    this.network = new Network(clock, {
      random,
      bytesPerMilli: 4 ** (random() * 6) * 30,
      delayMillis: (a, b) =>
        a.startsWith("auth") || b.startsWith("auth") ? 0.2 : a === "user" || b === "user" ? wide : uplink,
    })
    this.user = host("user")
    this.relayHost = host("relay")
    this.agentHosts = [host("agent-0"), host("agent-1")]
    this.authHosts = [host("auth-0"), host("auth-1")]
    const auth = (at: Host) =>
      new AuthProxyModel(at, this.network, {
        random,
        violation: (what) => this.#note(what),
        opened: (id, driver, record) => {
          const pair = this.pairs.find(({ proxy }) => proxy.id === id)
          if (pair?.server !== undefined) this.violations.push(`stream ${id} was opened twice`)
          if (pair !== undefined) pair.server = { driver, record }
        },
      })
    this.authProxies = [auth(this.authHosts[0]), auth(this.authHosts[1])]
    this.startRelay()
    this.startAgent(0)
    this.startAgent(1)
  }

  /** Faults overlap: a process that another fault has started again meanwhile goes first, so that there is never a second one. */
  restartRelay() {
    this.kill(this.relayHost)
    this.startRelay()
  }

  restartAgent(index: 0 | 1) {
    this.kill(this.agentHosts[index])
    this.startAgent(index)
  }

  startRelay() {
    this.relay = new RelayModel(this.relayHost, this.network, {
      neighbours: this.#neighbours,
      violation: (what) => this.#note(what),
    })
  }

  startAgent(index: 0 | 1) {
    const authProxies = new Map(this.authHosts.map((host) => [host.name, host]))
    const { network, random, relayHost } = this
    this.agents[index] = new AgentModel(this.agentHosts[index], { network, random, relay: relayHost, authProxies })
  }

  /** Kills a process at once; the connections of its host are reset. */
  kill(host: Host) {
    host.goOn()
    this.network.kill(host)
  }

  #note(what: string) {
    this.violations.push(`${what} at ${this.clock.now} ms`)
  }

  async openStream(): Promise<Pair> {
    const { user: host, relayHost: relay, network, random } = this
    const proxy = new ProxyStream({
      host,
      relay,
      network,
      random,
      violation: (what) => this.#note(what),
    })
    const pair: Pair = { proxy, server: undefined }
    this.pairs.push(pair)
    proxy.open().catch(() => {})
    await this.until(() => proxy.opened, 20_000)
    if (!proxy.opened) this.violations.push("a stream could not be opened on a network that is well")
    return pair
  }

  /** Lets the time pass until it is so, at most so long. */
  async until(done: () => boolean, millis: number): Promise<boolean> {
    const limit = this.clock.now + millis
    while (!done()) if (!(await this.clock.step(limit))) return done()
    return true
  }

  /** Milliseconds of outage in an interval, each counted once. */
  outageIn(from: number, to: number): number {
    const parts = this.outages
      .map((one) => ({ from: Math.max(from, one.from), to: Math.min(to, one.to) }))
      .filter((one) => one.to > one.from)
      .sort((a, b) => a.from - b.from)
    let sum = 0
    let covered = from
    for (const one of parts) {
      sum += Math.max(0, one.to - Math.max(one.from, covered))
      covered = Math.max(covered, one.to)
    }
    return sum
  }
}
