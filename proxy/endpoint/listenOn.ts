import { LocalFailure } from "../failures.ts"
import { type LocalEndpoint, loopback, PortTaken } from "./LocalEndpoint.ts"

/** The port that people know from other such proxies. Further clusters of one process take the ones after it. */
export const preferredPort = 47_011

export interface Listening {
  readonly port: number
  /** Set when the preferred port was taken. */
  readonly insteadOf: number | undefined
}

/**
 * The `index`-th endpoint of a process listens: on the explicit port (counted on from there), or on the preferred one if it is
 * free, else on a free one. @throws {LocalFailure} when an explicit port is taken
 */
export const listenOn = async (
  endpoint: Pick<LocalEndpoint, "listen">,
  explicit: number | undefined,
  index: number,
): Promise<Listening> => {
  const port = (explicit ?? preferredPort) + index
  try {
    return { port: await endpoint.listen(port), insteadOf: undefined }
  } catch (error) {
    if (error instanceof PortTaken && explicit === undefined) return { port: await endpoint.listen(0), insteadOf: port }
    const why = error instanceof PortTaken ? "another program listens there" : describe(error)
    throw new LocalFailure({
      detail: `${loopback}:${port} cannot be used: ${why}. Choose another with --port, or leave the flag out`,
    })
  }
}

const describe = (error: unknown) => (error instanceof Error ? error.message : String(error))
