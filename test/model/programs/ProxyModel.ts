import { createClient } from "../../../protocol/core/create.ts"
import type { Action } from "../../../protocol/core/state.ts"
import { CarrierDialler } from "../../../protocol/stream/CarrierDialler.ts"
import { PathBroken } from "../../../proxy/failures.ts"
import { carrierRefusal } from "../../../proxy/relay/carrierRefusal.ts"
import type { End } from "../network/Connection.ts"
import type { Host } from "../network/Host.ts"
import type { Network } from "../network/Network.ts"
import { CoreDriver, newRecord, type Record } from "./CoreDriver.ts"
import { headBytes, headOf, type Wire } from "./Wire.ts"

export interface ProxyStreamOptions {
  readonly host: Host
  readonly relay: Host
  readonly network: Network<Wire>
  readonly random: () => number
  readonly violation: (what: string) => void
}

/** The proxy's end of one stream: the product's core and its CarrierDialler in virtual time. */
export class ProxyStream {
  readonly id: string
  readonly record: Record
  readonly driver: CoreDriver
  readonly #options: ProxyStreamOptions
  readonly #dialler: CarrierDialler
  #instance = ""
  resumes = 0
  opened = false

  constructor(options: ProxyStreamOptions) {
    const { host, random } = options
    this.#options = options
    const streamId = Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256))
    this.id = Buffer.from(streamId).toString("hex")
    this.record = newRecord(host.wall - 1_700_000_000_000)
    this.driver = new CoreDriver(createClient({ streamId, resumeSecret: new Uint8Array(32) }, host.now), {
      host,
      record: this.record,
      random,
      violation: (what) => options.violation(`proxy: ${what}`),
      act: (action) => this.#act(action),
    })
    this.#dialler = new CarrierDialler(
      ({ instance, signal }) => this.#dial(instance, signal) as never,
      {
        opened: (end, generation) => this.#attach(end as never, generation),
        failed: () => {},
        refused: (why) => this.driver.feed({ type: "dialEnded", reason: why }),
      },
      {
        now: () => host.now,
        wait: (millis, signal) =>
          new Promise((resolve) => {
            const cancel = host.after(millis, resolve)
            signal.addEventListener("abort", () => {
              cancel()
              resolve()
            })
          }),
        timeout: (millis) => {
          const controller = new AbortController()
          host.after(millis, () => controller.abort(new Error("late")))
          return controller.signal
        },
      },
    )
  }

  /** Resolves true when accepted; a failed opening is an honest failure, not a lost session. */
  async open(): Promise<void> {
    const { socket, generation } = await this.#dialler.attempt(undefined)
    this.#attach(socket as never, generation)
  }

  #attach(end: End<Wire>, generation: number) {
    if (generation > 1) this.resumes += 1
    this.driver.attach(end, generation, { type: "attached", generation })
  }

  #act(action: Action) {
    if (action.type === "dial") this.#dialler.start(this.#instance)
    if (action.type === "accepted") {
      this.#instance = action.instance
      this.opened = true
    }
    if (action.type === "forget") this.#dialler.stop()
  }

  #dial(instance: string | undefined, signal: AbortSignal): Promise<End<Wire> & { terminate(): void }> {
    const { host, relay, network } = this.#options
    return new Promise((resolve, reject) => {
      const broken = (cause: string) => reject(carrierRefusal(new PathBroken({ hop: "relay", cause, detail: cause })))
      let done = false
      network.connect(host, relay, (end) => {
        if (end === undefined) return broken("refused")
        if (signal.aborted) return end.cut()
        signal.addEventListener("abort", () => !done && end.cut())
        end.onClose = () => broken("lost")
        end.onMessage = (wire) => {
          done = true
          const head = headOf(wire)
          if (head.say === "101") resolve(Object.assign(end, { terminate: () => end.cut() }))
          else broken(head.say === "refused" ? head.cause : "unexpected")
        }
        end.send({ say: "stream", instance }, headBytes)
      })
    })
  }
}
