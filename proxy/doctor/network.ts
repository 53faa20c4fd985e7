import { proxyFor, type Route, requestJson, type Stage, Unreachable } from "../../platform/outbound.ts"
import { PathBroken } from "../failures.ts"
import { relayFailure } from "../relay/relayFailures.ts"
import type { Examination } from "./Examination.ts"
import type { CheckName } from "./remedies.ts"

/** What one request to the relay shows of the way there. */
export interface Reached {
  readonly outcome: "answered" | "failed"
  readonly stage: Stage | undefined
  readonly error: unknown
  readonly viaProxy: string | undefined
  /** The relay's clock, from its Date header. */
  readonly relayDate: Date | undefined
  readonly millis: number
  readonly isRelay: boolean
}

/** Asks for what the relay shows to everybody. Never rejects. */
export const reach = async (relay: string, route: Route): Promise<Reached> => {
  const url = new URL("/openapi.json", relay)
  const began = performance.now()
  const spent = () => performance.now() - began
  let viaProxy: string | undefined
  try {
    viaProxy = proxyFor(url, route.proxy ?? {})?.host
    const { status, headers, body } = await requestJson(url, { ...route, timeoutMillis: 10_000 })
    const { date } = headers
    const relayDate = date === undefined || Number.isNaN(Date.parse(date)) ? undefined : new Date(date)
    const title = (body as { info?: { title?: unknown } } | undefined)?.info?.title
    const isRelay = status === 200 && title === "ClusterConnect relay"
    return { outcome: "answered", stage: undefined, error: undefined, viaProxy, relayDate, millis: spent(), isRelay }
  } catch (error) {
    const stage = error instanceof Unreachable ? error.stage : undefined
    return { outcome: "failed", stage, error, viaProxy, relayDate: undefined, millis: spent(), isRelay: false }
  }
}

/** Stages in their order, under the names that a person reads. */
const steps: readonly (readonly [Stage, CheckName])[] = [
  ["dns", "dns"],
  ["proxy", "http proxy"],
  ["tcp", "tcp"],
  ["tls", "tls"],
  ["http", "relay"],
]

/** DNS, HTTP proxy, TCP, TLS and the relay itself, each with its own verdict, from what one request showed. */
export const networkFindings = (examination: Examination, relay: string, reached: Reached): void => {
  const { viaProxy, stage, error } = reached
  const { hostname, protocol, port } = new URL(relay)
  const target = `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`
  const good: Readonly<Record<Stage, string>> = {
    dns: viaProxy === undefined ? `${hostname} resolves` : `left to the HTTP proxy`,
    proxy: viaProxy === undefined ? "none for this relay" : `through ${viaProxy}`,
    tcp: viaProxy === undefined ? `connected to ${target}` : `the proxy connected to ${target}`,
    tls: protocol === "https:" ? "the relay's certificate is trusted" : "plain text on this machine",
    http: `answered in ${Math.round(reached.millis)} ms`,
  }
  let broken = false
  for (const [step, check] of steps) {
    const here = stage === step || (reached.outcome === "failed" && stage === undefined && step === "http")
    if (broken) examination.add({ check, verdict: "skipped", detail: "not reached" })
    else if (here) {
      broken = true
      examination.problem(check, "", relayFailure(relay, error))
    } else if (step === "http" && !reached.isRelay)
      examination.problem(
        check,
        "",
        new PathBroken({ hop: "relay", cause: "UnexpectedAnswer", detail: `${relay} answers, but not as a relay` }),
      )
    else examination.add({ check, verdict: "ok", detail: good[step] })
  }
}

/** Relay and auth proxy take a token that is so much too early or too late; half of it is worth a word. */
const toleratedMillis = 30_000
/** A Date header has whole seconds, and travelled. */
const uncertainMillis = 2_000

export const clockFinding = (examination: Examination, relayDate: Date | undefined, now: number): void => {
  const skew = relayDate === undefined ? undefined : now - relayDate.getTime()
  if (skew === undefined) {
    examination.add({ check: "clock", verdict: "skipped", detail: "the relay's time is not known" })
    return
  }
  const words = `${Math.round(Math.abs(skew) / 1_000)} s ${skew > 0 ? "ahead of" : "behind"} the relay's`
  if (Math.abs(skew) > toleratedMillis) {
    const detail = `this machine's clock is ${words}; tokens are judged by the true time`
    examination.problem("clock", "", new PathBroken({ hop: "proxy", cause: "ClockSkew", detail }))
    return
  }
  const same = Math.abs(skew) <= uncertainMillis
  const detail = same ? "the same as the relay's" : `${words}; ${toleratedMillis / 1_000} s are tolerated`
  examination.add({ check: "clock", verdict: "ok", detail })
}
