import { createHash } from "node:crypto"
import net from "node:net"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { runningFolder } from "../control/controlPlace.ts"
import { proxiesOfEntry } from "../control/runningProxies.ts"
import type { Directories } from "../directories.ts"
import { loopback } from "../endpoint/LocalEndpoint.ts"
import { LocalFailure } from "../failures.ts"
import { type EntryRules, entryHash, entryIdentity } from "./entry.ts"

/** Below the ports that systems give to connections: what is free when it is written is seldom taken later. */
const first = 27_100
const count = 800

/**
 * The port that an entry keeps: the same one whenever it is written again with these settings, as far as that is free or its own proxy's.
 * Nobody else knows where it is looked for first: the installation's authority is part of that.
 * @throws {LocalFailure} when all are taken
 */
export const entryPort = async (
  flags: GivenFlags,
  rules: Omit<EntryRules, "port">,
  authorityPem: string,
  places: Directories,
): Promise<number> => {
  const chosen = JSON.stringify([authorityPem, entryIdentity(flags, rules)])
  const start = createHash("sha256").update(chosen).digest().readUInt32BE(0) % count
  for (let step = 0; step < count; step++) {
    const port = first + ((start + step) % count)
    if ((await isFree(port)) || (await isOwn(entryHash(flags, { ...rules, port }), places))) return port
  }
  throw new LocalFailure({ detail: `no port of ${first} to ${first + count - 1} is free: choose one with --port` })
}

const isOwn = async (hash: string, places: Directories): Promise<boolean> =>
  (await proxiesOfEntry(runningFolder(places), hash)).some(({ status }) => status !== undefined)

const isFree = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const server = net.createServer()
    server.once("error", () => done(false))
    server.listen(port, loopback, () => server.close(() => done(true)))
  })
