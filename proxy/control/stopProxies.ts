import { LocalFailure } from "../failures.ts"
import { ControlConnection, ProxyGone, ProxySilent } from "./ControlConnection.ts"
import { type Running, runningProxies } from "./runningProxies.ts"

/** A proxy closes its connections, takes its entries out of kubeconfigs and is gone in well below a second. */
const goneMillis = 30_000

/** What a proxy is called in a message. */
export const nameOf = ({ place, status }: Running): string =>
  status === undefined
    ? `pid ${place.pid}, which does not answer`
    : `${status.clusters.map(({ cluster }) => cluster).join(", ") || "a proxy that is just starting"} of ${status.relay} (pid ${status.pid})`

/** A cluster's name says nothing by itself where two relays have one: only with a relay's name, if it is given. */
export const serves = ({ status }: Running, cluster: string, relay?: string): boolean =>
  status?.clusters.some((served) => served.cluster === cluster) === true &&
  (relay === undefined || status.relay === relay)

/**
 * Ends the proxies that serve any of the clusters, or all, and waits until they are gone with all that they made. A proxy is asked
 * to end, at its own socket: no process is ever sent a signal. Returns those that were ended.
 * @throws {LocalFailure} when a cluster is served by none, or by proxies of several relays, before any is ended; and when one stays
 */
export const stopProxies = async (
  folder: string,
  clusters: readonly string[] | "all",
  relay?: string,
): Promise<readonly Running[]> => {
  const all = await runningProxies(folder)
  const running = relay === undefined ? all : all.filter(({ status }) => status?.relay === relay)
  const unknown = clusters === "all" ? [] : clusters.filter((one) => !running.some((proxy) => serves(proxy, one)))
  if (unknown.length > 0)
    throw new LocalFailure({
      detail: `no proxy${relay === undefined ? "" : ` of ${relay}`} serves ${unknown.join(", ")}; ${all.length === 0 ? "none runs" : `there run: ${all.map(nameOf).join("; ")}`}. Nothing was ended`,
    })
  const ambiguous = clusters === "all" ? [] : clusters.filter((one) => relaysOf(running, one).size > 1)
  if (ambiguous.length > 0)
    throw new LocalFailure({
      detail: `${ambiguous.join(", ")}: served from ${[...relaysOf(running, ambiguous[0] ?? "")].join(" and ")}: say which with --relay. Nothing was ended`,
    })
  const chosen = clusters === "all" ? running : running.filter((one) => clusters.some((name) => serves(one, name)))
  const left = (await Promise.all(chosen.map(stopped))).filter((why) => why !== undefined)
  if (left.length > 0) throw new LocalFailure({ detail: left.join("; ") })
  return chosen
}

const relaysOf = (running: readonly Running[], cluster: string) =>
  new Set(running.filter((one) => serves(one, cluster)).map(({ status }) => status?.relay))

/** Undefined when it is gone, else why it is not. */
const stopped = async (proxy: Running): Promise<string | undefined> => {
  try {
    using connection = await ControlConnection.open(proxy.place)
    await connection.stop()
    if (await connection.gone(goneMillis)) return undefined
    return `${nameOf(proxy)} was asked to end and has not, after ${goneMillis / 1000} s${proxy.status?.log === undefined ? "" : `: see ${proxy.status.log}`}`
  } catch (error) {
    if (error instanceof ProxyGone) return undefined
    if (error instanceof ProxySilent) return `${error.message}: end it by hand`
    throw error
  }
}
