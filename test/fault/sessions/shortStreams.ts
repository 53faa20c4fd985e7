interface Ended {
  readonly reason: string
  readonly bytesSent: number
  readonly bytesReceived: number
}

const endedIn = (log: readonly string[]): readonly Ended[] =>
  log.flatMap((line) => {
    if (!line.includes("bytesReceived")) return []
    const said = JSON.parse(line)
    return said.message === "stream ended" || said.type === "ended" ? [said as Ended] : []
  })

/**
 * How many streams carried more than half of the file and less than all of it, ended in good order at both ends and lost no byte on the way from the auth
 * proxy to the user's: what is missing in them was missing when it reached the auth proxy. Both logs at level debug.
 */
export const shortBeforeUs = (authProxyLog: readonly string[], proxyLog: readonly string[], bytes: number): number => {
  const arrived = endedIn(proxyLog).filter(({ reason }) => reason === "closed")
  return endedIn(authProxyLog).filter(
    (one) =>
      one.reason === "closed" &&
      one.bytesSent > bytes / 2 &&
      one.bytesSent < bytes &&
      arrived.some((other) => other.bytesReceived === one.bytesSent && other.bytesSent === one.bytesReceived),
  ).length
}
