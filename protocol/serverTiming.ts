/**
 * Who measured how long, in a `Server-Timing` header (W3C Server Timing) whose names begin with `cc-`. `cc-proxy`: from a request's
 * arrival at the proxy to its sending; `cc-path`: the last round trip proxy, relay, agent, auth proxy and back; `cc-auth-proxy`: the
 * auth proxy's admission; `cc-api-server`: from there to the head of the API server's answer. All in milliseconds.
 */
export const timingHeader = "Server-Timing"

export interface Timings {
  readonly "cc-proxy"?: number | undefined
  readonly "cc-path"?: number | undefined
  readonly "cc-auth-proxy"?: number | undefined
  readonly "cc-api-server"?: number | undefined
}

/** The header's value; a measurement that is not there is left out. */
export const timingValue = (timings: Timings): string =>
  Object.entries(timings)
    .flatMap(([name, millis]) => (typeof millis === "number" ? [`${name};dur=${millis.toFixed(1)}`] : []))
    .join(", ")

/** A line that might pass for ours, wherever in it the name stands. */
const claimsOurs = (value: string) => /(^|[,\s])cc-/i.test(value)
/** Exactly what an auth proxy writes. */
const ofAuthProxy = /^cc-auth-proxy;dur=\d{1,9}\.\d, cc-api-server;dur=\d{1,9}\.\d$/

/**
 * A flat list of header lines without those timings that only we may give. Nobody beyond can write ours: the auth proxy keeps none
 * from the API server (`from: "api-server"`), the proxy only the one line of the auth proxy's form.
 */
export const withoutForeignTimings = (
  headers: readonly string[],
  from: "api-server" | "auth-proxy",
): readonly string[] => {
  const kept: string[] = []
  let seen = false
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const [name = "", value = ""] = headers.slice(index, index + 2)
    if (name.toLowerCase() === timingHeader.toLowerCase() && claimsOurs(value)) {
      if (from === "api-server" || seen || !ofAuthProxy.test(value)) continue
      seen = true
    }
    kept.push(name, value)
  }
  return kept
}
