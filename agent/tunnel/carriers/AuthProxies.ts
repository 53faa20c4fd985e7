import { lookup } from "node:dns/promises"
import { isIP } from "node:net"

/** host and port as configured; the host may be a name with many addresses. */
export interface Target {
  readonly host: string
  readonly port: number
}

/** All addresses of a name. */
export type Lookup = (host: string) => Promise<readonly string[]>

const systemLookup: Lookup = async (host) =>
  (await lookup(host, { all: true, order: "verbatim" })).map(({ address }) => address)

/** 500 dials a second must not be 500 lookups; a new pod may wait this long for its first stream. */
const freshMillis = 1_000

/** A name server that does not answer by then counts as failed: a dial has 3 s in all. */
const lookupMillis = 1_500

/** `host:port` with IPv6 in brackets: the form of an instance's first half and of a URL. */
export const authority = (address: string, port: number): string =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`

interface Known {
  readonly addresses: readonly string[]
  readonly at: number
}

/**
 * The addresses of the auth proxies behind configured targets. A name is looked up at most once a second; when a lookup
 * fails, what was known before is used, because a name server that is down is no reason to forget pods that are up.
 */
export class AuthProxies {
  readonly #targets: readonly Target[]
  readonly #lookup: Lookup
  readonly #now: () => number
  readonly #known = new Map<string, Known>()
  readonly #asking = new Map<string, Promise<readonly string[]>>()

  constructor(targets: readonly Target[], lookup: Lookup = systemLookup, now: () => number = () => performance.now()) {
    this.#targets = targets
    this.#lookup = lookup
    this.#now = now
  }

  /** Every `address:port`, each once. Empty when no name has ever resolved. */
  async addresses(): Promise<readonly string[]> {
    const all = await Promise.all(
      this.#targets.map(async ({ host, port }) =>
        (await this.#addressesOf(host)).map((address) => authority(address, port)),
      ),
    )
    return [...new Set(all.flat())]
  }

  async #addressesOf(host: string): Promise<readonly string[]> {
    if (isIP(host) !== 0) return [host]
    const known = this.#known.get(host)
    if (known !== undefined && this.#now() - known.at < freshMillis) return known.addresses
    const asking = this.#asking.get(host) ?? this.#ask(host)
    this.#asking.set(host, asking)
    return asking
  }

  async #ask(host: string): Promise<readonly string[]> {
    try {
      const addresses = await withinMillis(lookupMillis, this.#lookup(host))
      this.#known.set(host, { addresses, at: this.#now() })
      return addresses
    } catch {
      return this.#known.get(host)?.addresses ?? []
    } finally {
      this.#asking.delete(host)
    }
  }
}

/**
 * The addresses, those with the fewest of our own carriers first; among equals the order is drawn, so that agents spread. One that failed a moment
 * ago comes last: a pod that vanished has lost its carriers, and would be everybody's first choice until its endpoint is gone.
 */
export const byPreference = (
  addresses: readonly string[],
  load: (address: string) => number,
  hasFailed: (address: string) => boolean,
  random: () => number,
): readonly string[] =>
  addresses
    .map((address) => ({ address, failed: Number(hasFailed(address)), load: load(address), draw: random() }))
    .sort((a, b) => a.failed - b.failed || a.load - b.load || a.draw - b.draw)
    .map(({ address }) => address)

const withinMillis = async <A>(millis: number, work: Promise<A>): Promise<A> => {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${millis} ms`)), millis)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
