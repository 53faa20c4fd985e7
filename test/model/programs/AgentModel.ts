import { connectMillis } from "../../../agent/tunnel/carriers/connectAuthProxy.ts"
import { nextTimer } from "../../../agent/tunnel/control/liveness.ts"
import {
  type ControlAction,
  type ControlEvent,
  type ControlState,
  initialState,
} from "../../../agent/tunnel/control/state.ts"
import { step } from "../../../agent/tunnel/control/step.ts"
import type { Dial, DialFailure } from "../../../protocol/control.ts"
import { closeCode } from "../../../protocol/names.ts"
import type { End, Host, Network } from "../network/Network.ts"
import { relayUrlOfModel } from "./RelayModel.ts"
import { headBytes, splice, type Wire } from "./Wire.ts"

export interface AgentSurroundings {
  readonly network: Network<Wire>
  readonly relay: Host
  /** Auth proxies by the address that their instances begin with. */
  readonly authProxies: ReadonlyMap<string, Host>
  readonly random: () => number
}

/** One address that does not answer leaves time for the next (agent/tunnel/carriers/connectAuthProxy.ts). */
const attemptMillis = 1_000
/** A connection attempt that is not answered is given up (platform/outbound). */
const handshakeMillis = 10_000
const holdMillis = 330_000

/** An agent process around the product's own control-session steps. */
export class AgentModel {
  readonly #host: Host
  readonly #around: AgentSurroundings
  readonly #instance: string
  readonly #ends = new Map<number, End<Wire>>()
  readonly #carriers = new Set<{ close: (code: number) => void }>()
  #state: ControlState = initialState
  #cancelTimer: () => void = () => {}
  #lostAt = Number.NEGATIVE_INFINITY
  #draining = false

  constructor(host: Host, around: AgentSurroundings) {
    this.#host = host
    this.#around = around
    this.#instance = `${host.name}.${host.life}`
    this.#happen({ type: "timer" })
  }

  get carriers(): number {
    return this.#carriers.size
  }

  drain() {
    this.#draining = true
    this.#happen({ type: "drain" })
    for (const carrier of [...this.#carriers]) carrier.close(closeCode.moved)
  }

  get #streamsLive(): boolean {
    return this.#carriers.size > 0 || this.#host.now - this.#lostAt < holdMillis
  }

  #happen(event: ControlEvent) {
    const moment = { at: this.#host.now, random: this.#around.random(), streamsLive: this.#streamsLive }
    const [state, actions] = step({ relayUrl: relayUrlOfModel }, this.#state, event, moment)
    this.#state = state
    for (const action of actions) this.#act(action)
    this.#arm()
  }

  #arm() {
    this.#cancelTimer()
    const at = nextTimer(this.#state, this.#streamsLive)
    if (at !== undefined)
      this.#cancelTimer = this.#host.after(at - this.#host.now, () => this.#happen({ type: "timer" }))
  }

  #act(action: ControlAction) {
    switch (action.type) {
      case "dial":
        return this.#dial(action.id)
      case "prove":
        return this.#ends.get(action.id)?.send({ say: "toRelay", message: hello(this.#instance) }, 1_000)
      case "send":
        return this.#ends.get(action.id)?.send({ say: "toRelay", message: action.message }, 200)
      case "close":
        this.#ends.get(action.id)?.close(action.code)
        this.#ends.delete(action.id)
        return
      case "serve":
        return this.#serve(action.dial, (reason) =>
          this.#ends
            .get(action.id)
            ?.send({ say: "toRelay", message: { type: "dialFailed", ticket: action.dial.ticket, reason } }, 200),
        )
      default:
        return
    }
  }

  #dial(id: number) {
    this.#connect(this.#around.relay, handshakeMillis, (end) => {
      if (end === undefined) return this.#happen({ type: "connectFailed", id, setback: "lost", detail: "" })
      if (!this.#state.connections.some((one) => one.id === id)) return end.close(closeCode.moved)
      this.#ends.set(id, end)
      end.onClose = (code) => {
        this.#ends.delete(id)
        this.#happen({ type: "closed", id, code, reason: "" })
      }
      end.onMessage = (wire) => {
        if (wire instanceof Uint8Array || wire.say !== "toAgent") throw new Error("not a control message")
        this.#happen({ type: "received", id, message: wire.message })
      }
      end.send({ say: "control", instance: this.#instance }, headBytes)
      this.#happen({ type: "connected", id })
    })
  }

  /** Exactly one answer: an open end, or undefined for refused and too late. */
  #connect(to: Host, withinMillis: number, done: (end: End<Wire> | undefined) => void) {
    let answered = false
    const answer = (end: End<Wire> | undefined) => {
      if (answered) return end?.cut()
      answered = true
      cancel()
      done(end)
    }
    const cancel = this.#host.after(withinMillis, () => answer(undefined))
    this.#around.network.connect(this.#host, to, answer)
  }

  #serve(dial: Dial, fail: (reason: DialFailure) => void) {
    const deadline = this.#host.now + connectMillis
    const named = dial.instance?.slice(0, dial.instance.lastIndexOf("#"))
    if (named !== undefined && !this.#around.authProxies.has(named)) return fail("instance")
    const addresses = named === undefined ? this.#shuffled() : [named]
    const next = (failure: DialFailure) => {
      const address = addresses.shift()
      const left = deadline - this.#host.now
      if (address === undefined || left <= 0) return fail(failure)
      const host = this.#around.authProxies.get(address)!
      this.#upgrade(host, dial.instance, addresses.length === 0 ? left : Math.min(left, attemptMillis), (result) => {
        if (typeof result !== "string") return this.#pickUp(result, dial, fail)
        next(result)
      })
    }
    next("auth-proxy-unreachable")
  }

  #shuffled(): string[] {
    return [...this.#around.authProxies.keys()]
      .map((address) => ({ address, draw: this.#around.random() }))
      .sort((a, b) => a.draw - b.draw)
      .map(({ address }) => address)
  }

  #upgrade(
    host: Host,
    instance: string | undefined,
    withinMillis: number,
    done: (result: End<Wire> | DialFailure) => void,
  ) {
    const began = this.#host.now
    this.#connect(host, withinMillis, (end) => {
      if (end === undefined) return done("auth-proxy-unreachable")
      const settle = (result: End<Wire> | DialFailure) => {
        cancel()
        end.onMessage = () => {}
        end.onClose = () => {}
        done(result)
      }
      const cancel = this.#host.after(began + withinMillis - this.#host.now, () => {
        end.cut()
        settle("auth-proxy-unreachable")
      })
      end.onClose = () => settle("auth-proxy-unreachable")
      end.onMessage = (wire) => {
        if (wire instanceof Uint8Array) throw new Error("the auth proxy spoke first")
        if (wire.say === "101") return settle(end)
        settle(wire.say === "refused" && wire.status === 409 ? "instance" : "auth-proxy-refused")
      }
      end.send({ say: "carrier", instance }, headBytes)
    })
  }

  #pickUp(half: End<Wire>, dial: Dial, fail: (reason: DialFailure) => void) {
    const lost = () => {
      half.close(closeCode.moved)
      fail(this.#draining ? "draining" : "relay-unreachable")
    }
    this.#connect(this.#around.relay, handshakeMillis, (end) => {
      if (end === undefined || this.#draining) {
        end?.cut()
        return lost()
      }
      end.onClose = lost
      end.onMessage = (wire) => {
        if (wire instanceof Uint8Array) throw new Error("a frame before the relay's 101")
        end.onClose = () => {}
        if (wire.say !== "101") return lost()
        this.#join(half, end)
      }
      end.send({ say: "ticket", ticket: dial.ticket }, headBytes)
    })
  }

  #join(half: End<Wire>, relay: End<Wire>) {
    const carrier = splice(relay, half, (code) => {
      this.#carriers.delete(carrier)
      this.#lostAt = this.#host.now
      if (code === 1001 || code === 1006) this.#happen({ type: "carrierLost" })
      else this.#arm()
    })
    this.#carriers.add(carrier)
    this.#arm()
    if (!half.isOpen || !relay.isOpen) carrier.close(1001)
    if (this.#draining) carrier.close(closeCode.moved)
  }
}

const hello = (instance: string) => ({
  type: "hello" as const,
  version: "1",
  cluster: "edge-1",
  instance,
  document: "",
  sessionKey: "",
  signature: "",
})
