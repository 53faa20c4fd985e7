import type { WebSocket } from "ws"
import { closeCode } from "../../protocol/names.ts"
import { type Splice, type SpliceEnd, splice } from "../../protocol/splice.ts"
import type { AuditLine } from "../audit/AuditLog.ts"
import { carrierSilenceMillis } from "../configuration/limits.ts"
import { bytesCarried, carriersEnded } from "../metrics.ts"
import type { ControlSession } from "../sessions/ControlSession.ts"
import type { Time } from "../time/Time.ts"
import { outcomeOf, type StreamRequest, streamLine, type Verdict } from "./StreamRequest.ts"

export interface CarriersOptions {
  readonly time: Time
  readonly audit: (line: AuditLine) => void
  /** Why what was asked for, or is carried by this session, must end now. */
  readonly verdict: (request: StreamRequest, session: ControlSession | undefined) => Verdict | undefined
}

interface Carrier {
  readonly request: StreamRequest
  readonly session: ControlSession
  readonly splice: Splice
}

/** Both halves of a carrier, each open. */
export interface Halves {
  readonly request: StreamRequest
  readonly session: ControlSession
  readonly user: WebSocket
  /** Paused. */
  readonly agent: WebSocket
  /** Takes the stream out of the caller's count. */
  readonly leave: () => void
}

/** An end that is there after all may resume. */
const silent: Verdict = { code: closeCode.moved, reason: "silent" }
const movedAway: Verdict = { code: closeCode.moved, reason: "relay-draining" }

/** The carriers of this relay, each two WebSockets joined. */
export class Carriers {
  readonly #options: CarriersOptions
  readonly #carriers = new Set<Carrier>()
  #draining = false

  constructor(options: CarriersOptions) {
    this.#options = options
  }

  statistics() {
    let heldBytes = 0
    for (const carrier of this.#carriers) heldBytes += carrier.splice.heldBytes
    return { carriers: this.#carriers.size, heldBytes }
  }

  /** Joins the halves until one of them closes, or both have been silent for a hold time. */
  carry({ request, session, user, agent, leave }: Halves): void {
    const { time, audit, verdict } = this.#options
    const began = time.monotonic()
    let ended = false
    let unwatch = () => {}
    const onEnd = ({ code, reason, bytesAToB, bytesBToA }: SpliceEnd) => {
      ended = true
      unwatch()
      session.streams -= 1
      leave()
      if (carrier !== undefined) this.#carriers.delete(carrier)
      bytesCarried.add(bytesAToB, { direction: "to-cluster" })
      bytesCarried.add(bytesBToA, { direction: "from-cluster" })
      carriersEnded.add(1, { outcome: outcomeOf(code) })
      audit(
        streamLine(request, time.wall(), {
          outcome: outcomeOf(code),
          reason,
          code,
          agent: session.agent.instance,
          durationMillis: Math.round(time.monotonic() - began),
          bytesToCluster: bytesAToB,
          bytesFromCluster: bytesBToA,
        }),
      )
    }
    let carrier: Carrier | undefined
    const joined = splice(user, agent, { onEnd })
    // Where a failed network took both peers without a word, nothing is ever sent to them that could fail.
    const watch = (seen: number) => {
      unwatch = time.after(carrierSilenceMillis, () => {
        const carried = joined.bytesAToB + joined.bytesBToA
        if (carried === seen) joined.close(silent.code, silent.reason)
        else watch(carried)
      })
    }
    if (!ended) watch(0)
    carrier = { request, session, splice: joined }
    if (!ended) this.#carriers.add(carrier)
    // Between the pairing and here it was neither an opening nor a carrier, so no revocation reached it.
    const end = this.#draining ? movedAway : verdict(request, session)
    if (end !== undefined) joined.close(end.code, end.reason)
    agent.resume()
  }

  /** Ends every carrier, of this cluster or of all, for which there is a verdict. */
  recheck(cluster: string | undefined): void {
    for (const { request, session, splice: joined } of [...this.#carriers]) {
      if (cluster !== undefined && request.cluster !== cluster) continue
      const end = this.#options.verdict(request, session)
      if (end !== undefined) joined.close(end.code, end.reason)
    }
  }

  /** Moves everything away (4001), and what is joined from now on. */
  drain(): void {
    this.#draining = true
    for (const { splice: joined } of [...this.#carriers]) joined.close(movedAway.code, movedAway.reason)
  }
}
