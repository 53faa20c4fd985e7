import { createServer } from "../../../protocol/core/create.ts"
import { reason } from "../../../protocol/core/reasons.ts"
import { decodeFrame } from "../../../protocol/decodeFrame.ts"
import { encodeFrame } from "../../../protocol/encodeFrame.ts"
import type { OpeningFrame } from "../../../protocol/frame.ts"
import type { End } from "../network/Connection.ts"
import type { Host } from "../network/Host.ts"
import type { Network } from "../network/Network.ts"
import { CoreDriver, newRecord, type Record } from "./CoreDriver.ts"
import { headBytes, headOf, refuse, type Wire } from "./Wire.ts"

export interface AuthProxyListener {
  readonly opened: (id: string, driver: CoreDriver, record: Record) => void
  readonly violation: (what: string) => void
  readonly random: () => number
}

/** An auth proxy process: the streams that it holds, by the rules of protocol/stream/StreamServer.ts. */
export class AuthProxyModel {
  readonly #host: Host
  readonly #listener: AuthProxyListener
  readonly instance: string
  readonly #streams = new Map<string, CoreDriver>()
  #draining = false

  constructor(host: Host, network: Network<Wire>, listener: AuthProxyListener) {
    this.#host = host
    this.#listener = listener
    this.instance = `${host.name}#${host.life}`
    network.listen(host, (end) => {
      end.onMessage = (first) => this.#upgrade(end, first)
    })
  }

  /** Streams and tombstones. */
  get remembered(): number {
    return this.#streams.size
  }

  get live(): number {
    return [...this.#streams.values()].filter(({ state }) => state.phase === "live").length
  }

  drain() {
    this.#draining = true
    for (const driver of [...this.#streams.values()]) driver.feed({ type: "drain" })
  }

  #upgrade(end: End<Wire>, first: Wire) {
    const head = headOf(first)
    if (head.say !== "carrier") throw new Error("an auth proxy got no carrier")
    const { instance } = head
    if (instance !== undefined && instance !== this.instance) return refuse(end, { code: 409, cause: "InstanceGone" })
    if (instance === undefined && this.#draining) return refuse(end, { code: 503, cause: "AuthProxyDraining" })
    end.send({ say: "101" }, headBytes)
    end.onMessage = (wire) => {
      if (!(wire instanceof Uint8Array)) throw new Error("no frame on a carrier")
      const frame = decodeFrame(wire)
      if (frame.type !== "open" && frame.type !== "resume") return end.close(4008)
      this.#opening(end, frame)
    }
  }

  #opening(end: End<Wire>, frame: OpeningFrame) {
    const id = Buffer.from(frame.streamId).toString("hex")
    const held = this.#streams.get(id)
    const { generation, receivedOffset, creditLimit } = frame
    const refused = (why: string, code: number) => {
      const bytes = encodeFrame({ type: "reset", offset: 0, reason: why })
      end.send(bytes, bytes.byteLength)
      end.close(code)
    }
    if (frame.type === "resume") {
      if (held === undefined) return refused(reason.unknown, 1000)
      const known = held.state.phase === "gone" ? Number.POSITIVE_INFINITY : held.state.generation
      if (generation <= known) return refused(reason.resumeRefused, 4008)
      return held.attach(end, generation, { type: "offered", generation, receivedOffset, creditLimit })
    }
    if (held !== undefined) return refused(reason.resumeRefused, 4008)
    const record = newRecord(this.#host.wall - 1_700_000_000_000)
    const driver = new CoreDriver(createServer(frame, this.instance, this.#host.now), {
      host: this.#host,
      record,
      random: this.#listener.random,
      violation: (what) => this.#listener.violation(`auth proxy: ${what}`),
      act: (action) => action.type === "forget" && void this.#streams.delete(id),
    })
    this.#streams.set(id, driver)
    this.#listener.opened(id, driver, record)
    driver.attach(end, generation, { type: "offered", generation, receivedOffset, creditLimit })
    if (this.#draining) driver.feed({ type: "drain" })
  }
}
