import { Either } from "effect"
import { addressOf, attemptMillis, connectMillis } from "../../../agent/tunnel/carriers/connectAuthProxy.ts"
import { wasLost } from "../../../agent/tunnel/carriers/wasLost.ts"
import { nextTimer } from "../../../agent/tunnel/control/liveness.ts"
import {
  type ControlAction,
  type ControlEvent,
  type ControlState,
  initialState,
} from "../../../agent/tunnel/control/state.ts"
import { step } from "../../../agent/tunnel/control/step.ts"
import { pickUpMillis } from "../../../agent/tunnel/relayEnd.ts"
import { HANDSHAKE_TIMEOUT_MILLIS } from "../../../platform/outbound/connectWebSocket.ts"
import {
  type Dial,
  type DialFailure,
  decodeFromRelay,
  encodeMessage,
  type FromAgent,
} from "../../../protocol/control.ts"
import { authProxyHoldMillis } from "../../../protocol/core/limits.ts"
import { newKey, spkiOf } from "../../../protocol/keys.ts"
import { closeCode } from "../../../protocol/names.ts"
import type { End } from "../network/Connection.ts"
import type { Host } from "../network/Host.ts"
import type { Network } from "../network/Network.ts"
import { relayUrlOfModel } from "./RelayModel.ts"
import { type Head, headBytes, headOf, splice, type Wire } from "./Wire.ts"

export interface AgentSurroundings {
  readonly network: Network<Wire>
  readonly relay: Host
  /** Auth proxies by the address that their instances begin with. */
  readonly authProxies: ReadonlyMap<string, Host>
  readonly random: () => number
}

/** An agent process around the product's own control-session steps. */
export class AgentModel {
  readonly #host: Host
  readonly #around: AgentSurroundings
  readonly #instance: string
  readonly #ends = new Map<number, End<Wire>>()
  readonly #secrets = new Map<number, string>()
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
    return this.#carriers.size > 0 || this.#host.now - this.#lostAt < authProxyHoldMillis
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
        return this.#say(action.id, hello(this.#instance))
      case "opened":
        this.#secrets.set(action.id, action.sessionSecret)
        return
      case "send":
        return this.#say(action.id, action.message)
      case "close":
        this.#ends.get(action.id)?.close(action.code)
        return this.#forget(action.id)
      case "serve": {
        const { id, dial } = action
        const fail = (reason: DialFailure) => this.#say(id, { type: "dialFailed", ticket: dial.ticket, reason })
        return this.#serve(dial, this.#secrets.get(id)!, fail)
      }
      default:
        return
    }
  }

  #say(id: number, message: FromAgent) {
    const text = encodeMessage(message)
    this.#ends.get(id)?.send(text, text.length)
  }

  #forget(id: number) {
    this.#ends.delete(id)
    this.#secrets.delete(id)
  }

  #dial(id: number) {
    this.#upgrade(this.#around.relay, { say: "control" }, HANDSHAKE_TIMEOUT_MILLIS, (end) => {
      if (typeof end !== "object") return this.#happen({ type: "connectFailed", id, setback: "lost", detail: "" })
      if (!this.#state.connections.some((one) => one.id === id)) return end.close(closeCode.moved)
      this.#ends.set(id, end)
      end.onClose = (code) => {
        this.#forget(id)
        this.#happen({ type: "closed", id, code, reason: "" })
      }
      end.onMessage = (wire) => {
        if (typeof wire !== "string") throw new Error("not a control message")
        this.#happen({ type: "received", id, message: Either.getOrThrow(decodeFromRelay(wire)) })
      }
      this.#happen({ type: "connected", id })
    })
  }

  /** Exactly one answer: an open end after its 101, the status of a refusal, or undefined for nothing in time. */
  #upgrade(to: Host, head: Head, withinMillis: number, done: (result: End<Wire> | number | undefined) => void) {
    let end: End<Wire> | undefined
    let answered = false
    const answer = (result: End<Wire> | number | undefined) => {
      if (answered) return
      answered = true
      cancel()
      if (result !== end) end?.cut()
      done(result)
    }
    const cancel = this.#host.after(withinMillis, () => answer(undefined))
    this.#around.network.connect(this.#host, to, (connected) => {
      if (connected === undefined) return answer(undefined)
      if (answered) return connected.cut()
      end = connected
      connected.onClose = () => answer(undefined)
      connected.onMessage = (wire) => {
        const said = headOf(wire)
        answer(said.say === "101" ? connected : said.say === "refused" ? said.status : undefined)
      }
      connected.send(head, headBytes)
    })
  }

  #serve(dial: Dial, sessionSecret: string, fail: (reason: DialFailure) => void) {
    const deadline = this.#host.now + connectMillis
    const named = dial.instance === undefined ? undefined : addressOf(dial.instance)
    if (named !== undefined && !this.#around.authProxies.has(named)) return fail("instance")
    const addresses = named === undefined ? this.#shuffled() : [named]
    const next = (failure: DialFailure) => {
      const address = addresses.shift()
      const left = deadline - this.#host.now
      if (address === undefined || left <= 0) return fail(failure)
      const host = this.#around.authProxies.get(address)!
      const within = addresses.length === 0 ? left : Math.min(left, attemptMillis)
      this.#upgrade(host, { say: "carrier", instance: dial.instance }, within, (result) => {
        if (typeof result === "object") return this.#pickUp(result, dial.ticket, sessionSecret, fail)
        next(result === undefined ? "auth-proxy-unreachable" : result === 409 ? "instance" : "auth-proxy-refused")
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

  #pickUp(half: End<Wire>, ticket: string, sessionSecret: string, fail: (reason: DialFailure) => void) {
    this.#upgrade(this.#around.relay, { say: "ticket", ticket, sessionSecret }, pickUpMillis, (relay) => {
      if (typeof relay === "object" && !this.#draining) return this.#join(half, relay)
      if (typeof relay === "object") relay.close(closeCode.moved)
      half.close(closeCode.moved)
      fail(this.#draining ? "draining" : "relay-unreachable")
    })
  }

  #join(half: End<Wire>, relay: End<Wire>) {
    const carrier = splice(relay, half, (code) => {
      this.#carriers.delete(carrier)
      this.#lostAt = this.#host.now
      if (wasLost(code)) this.#happen({ type: "carrierLost" })
      else this.#arm()
    })
    this.#carriers.add(carrier)
    this.#arm()
    if (!half.isOpen || !relay.isOpen) carrier.close(1001)
  }
}

const sessionKey = spkiOf(newKey())
/** Nobody verifies it here: the model has no keys but the shape of one. */
const hello = (instance: string): FromAgent => ({
  type: "hello",
  version: "1",
  cluster: "edge-1",
  instance,
  document: "d".repeat(800),
  sessionKey,
  signature: "s".repeat(86),
})
