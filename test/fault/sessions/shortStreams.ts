import type { Protocol } from "./Session.ts"

interface Ended {
  readonly reason: string
  readonly bytesSent: number
  readonly bytesReceived: number
}

const entries = (log: readonly string[], words: string): readonly Record<string, unknown>[] =>
  log.flatMap((line) => (line.includes(words) ? [JSON.parse(line)] : []))

const streamsOf = (log: readonly string[]): readonly Ended[] =>
  entries(log, '"bytesReceived"').filter(
    ({ message, type }) => message === "stream ended" || type === "ended",
  ) as unknown as readonly Ended[]

/** TLS adds this much to what a stream carries, at most: 22 bytes to records of 16 KiB, and its handshakes. */
const mostAdded = 1.005

/** Of streams that carried more than half of the file and less than all of it. */
export interface ShortStreams {
  /**
   * Nothing was lost from the API server's answer to the user's proxy: it closed the session in good order, with a closing frame behind everything it
   * had, and both ends of the stream agree on every byte and on the end. What is missing never reached who wrote that frame.
   */
  readonly cutInCluster: number
  /** The two ends of the stream agree, and nobody knows what the API server still had. */
  readonly shortAtAuthProxy: number
}

/** From the logs of the auth proxy (its audit lines too) and of the user's proxy, both at level debug. */
export const shortStreams = (
  authProxyLog: readonly string[],
  proxyLog: readonly string[],
  bytes: number,
): ShortStreams => {
  const isShort = (sent: number) => sent > bytes / 2 && sent < bytes
  const arrived = streamsOf(proxyLog).filter(({ reason }) => reason === "closed")
  const agreed = streamsOf(authProxyLog).filter((one) => {
    if (one.reason !== "closed" || !isShort(one.bytesSent)) return false
    const at = arrived.findIndex(
      (other) => other.bytesReceived === one.bytesSent && other.bytesSent === one.bytesReceived,
    )
    return at >= 0 && arrived.splice(at, 1).length > 0
  })
  const closed = entries(authProxyLog, '"audit"')
    .filter(({ lastWord, cut }) => lastWord === "websocket-close" && cut === undefined)
    .map(({ sentBytes }) => Number(sentBytes))
    .filter(isShort)
  let cutInCluster = 0
  for (const { bytesSent } of agreed) {
    const at = closed.findIndex((sent) => bytesSent > sent && bytesSent < sent * mostAdded)
    if (at >= 0) cutInCluster += closed.splice(at, 1).length
  }
  return { cutInCluster, shortAtAuthProxy: agreed.length - cutInCluster }
}

/** Takes one of `found` that is not in `taken` yet, and counts it there; says whose doing it was. What was not there counts nothing: it may come yet. */
export const takeOne = (
  found: ShortStreams,
  taken: { cutInCluster: number; shortAtAuthProxy: number },
  protocol: Protocol,
): "cluster" | "before-us" | "unknown" => {
  // What kubectl says over SPDY goes to the kubelet itself: nothing of that is shown by the API server's last word.
  if (protocol === "websocket" && found.cutInCluster > taken.cutInCluster) {
    taken.cutInCluster += 1
    return "cluster"
  }
  if (found.shortAtAuthProxy > taken.shortAtAuthProxy) {
    taken.shortAtAuthProxy += 1
    return "before-us"
  }
  return "unknown"
}
