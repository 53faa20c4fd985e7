import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Pin } from "../../../protocol/keys.ts"
import { FarEnd, jwt } from "../../../proxy/testing/FarEnd.ts"
import { type Home, ProxyProcess } from "../../../proxy/testing/ProxyProcess.ts"
import { type LyingRelay, startLyingRelay } from "./LyingRelay.ts"

/** What {@link TrustRange.client} says when it serves. */
export const served = "it serves"

interface ClientOptions {
  readonly home?: string
  /** Of the relay token. */
  readonly aud?: unknown
  /** In place of the cluster's own. */
  readonly token?: string
  readonly pin?: Pin
  readonly args?: readonly string[]
  /** While it serves, with this kubeconfig. */
  readonly meanwhile?: (kubeconfig: string) => Promise<void>
}

/** The real client before a relay and a cluster that are the test's: both can lie. */
export class TrustRange {
  readonly far: FarEnd
  readonly relay: LyingRelay
  readonly clusterToken: string
  /** The cluster as it is when nobody lies. */
  readonly honest: Pick<FarEnd, "material" | "document">
  readonly #folder = mkdtempSync(join(tmpdir(), "clusterconnect-attack-"))

  private constructor(far: FarEnd, relay: LyingRelay) {
    this.far = far
    this.relay = relay
    this.honest = { material: far.material, document: far.document }
    this.clusterToken = jwt({ aud: `${this.relayAudience}/${far.cluster}`, jti: "cluster" })
  }

  static async start(): Promise<TrustRange> {
    const far = await FarEnd.start()
    const relay = await startLyingRelay(far)
    far.publish({ relayUrl: relay.url })
    return new TrustRange(far, relay)
  }

  get relayAudience(): string {
    return `clusterconnect:${new URL(this.relay.url).host}`
  }

  beHonest(): void {
    Object.assign(this.far, this.honest)
    this.relay.answer = undefined
    this.relay.lies = {}
  }

  newHome(): string {
    return mkdtempSync(join(this.#folder, "home-"))
  }

  /** What the real client says until it serves or ends. */
  async client(options: ClientOptions = {}): Promise<{ readonly said: string; readonly code: number | null }> {
    const home = options.home ?? this.newHome()
    const file = (name: string, text: string) => {
      writeFileSync(join(home, name), text, { mode: 0o600 })
      return join(home, name)
    }
    const aud = options.aud ?? this.relayAudience
    const proxy = new ProxyProcess({ path: home } as Home, [
      ...["proxy", this.far.cluster, "--relay", this.relay.url, "--pin", options.pin ?? this.honest.material.pin],
      ...[
        "--token-file",
        file("token", options.token ?? this.clusterToken),
        "--relay-token-file",
        file("relay-token", jwt({ aud })),
      ],
      ...["--file", join(home, "kubeconfig"), ...(options.args ?? [])],
    ])
    const ready = proxy.ready().then(
      () => served,
      () => proxy.stderr,
    )
    const said = await ready
    if (said === served) {
      await options.meanwhile?.(join(home, "kubeconfig"))
      await proxy.stop()
    }
    return { said, code: said === served ? 0 : await proxy.exited }
  }

  async stop(): Promise<void> {
    await this.relay.stop()
    await this.far.stop()
    rmSync(this.#folder, { recursive: true })
  }
}
