import { createHash } from "node:crypto"
import net from "node:net"
import { runningFolder } from "../control/controlPlace.ts"
import { runningProxies } from "../control/runningProxies.ts"
import type { Directories } from "../directories.ts"
import { loopback } from "../endpoint/LocalEndpoint.ts"
import { LocalFailure } from "../failures.ts"

/** Below the ports that systems give to connections: what is free when it is written is seldom taken later. */
const first = 27_100
const count = 800

/**
 * The port that an entry keeps: the same one whenever it is asked for, as far as that is free or our own proxy's for this cluster.
 * @throws {LocalFailure} when all are taken
 */
export const entryPort = async (relay: string, cluster: string, places: Directories): Promise<number> => {
  const start = createHash("sha256").update(`${relay}\n${cluster}`).digest().readUInt32BE(0) % count
  const own = (await runningProxies(runningFolder(places))).flatMap(({ status }) =>
    status?.entry === undefined || status.relay !== relay
      ? []
      : status.clusters.filter((one) => one.cluster === cluster).map(({ port }) => port),
  )
  for (let step = 0; step < count; step++) {
    const port = first + ((start + step) % count)
    if (own.includes(port) || (await isFree(port))) return port
  }
  throw new LocalFailure({ detail: `no port of ${first} to ${first + count - 1} is free: choose one with --port` })
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const server = net.createServer()
    server.once("error", () => done(false))
    server.listen(port, loopback, () => server.close(() => done(true)))
  })
