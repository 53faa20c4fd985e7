import { createHash } from "node:crypto"
import net from "node:net"
import type { GivenFlags } from "../commands/settingsFrom.ts"
import { runningFolder } from "../control/controlPlace.ts"
import { proxiesOfEntry } from "../control/runningProxies.ts"
import type { Directories } from "../directories.ts"
import { loopback } from "../endpoint/LocalEndpoint.ts"
import { LocalFailure } from "../failures.ts"
import { type EntryRules, entryHash, entryIdentity } from "./entry.ts"
import { givenPort } from "./givenPorts.ts"

/** Below the ports that systems give to connections: what is free when it is written is seldom taken later. */
const first = 27_100
const count = 800
export const entryPortRange = `${first} to ${first + count - 1}`

/**
 * The port that an entry keeps, the user's own if given: the same one whenever it is written again with these settings, as far as that is
 * free or its own proxy's, and no other entry's of this installation while there are others. Nobody else knows where it is looked for
 * first: the installation's authority is part of that.
 * @throws {LocalFailure} when all are taken
 */
export const entryPort = async (
  flags: GivenFlags,
  rules: Omit<EntryRules, "port">,
  authorityPem: string,
  places: Directories,
): Promise<number> => {
  const chosen = createHash("sha256")
    .update(JSON.stringify([authorityPem, entryIdentity(flags, rules)]))
    .digest()
  const start = chosen.readUInt32BE(0) % count
  const all = Array.from({ length: count }, (_, step) => first + ((start + step) % count))
  return await givenPort(places, chosen.toString("hex"), async (others) => {
    if (flags.port !== undefined) return flags.port
    // An entry that was deleted has its port still: when all are given, they are given again.
    for (const port of [...all.filter((one) => !others.has(one)), ...all.filter((one) => others.has(one))])
      if ((await isFree(port)) || (await isOwn(entryHash(flags, { ...rules, port }), places))) return port
    throw new LocalFailure({ detail: `no port of ${entryPortRange} is free: choose one with --port` })
  })
}

const isOwn = async (hash: string, places: Directories): Promise<boolean> =>
  (await proxiesOfEntry(runningFolder(places), hash)).some(({ status }) => status !== undefined)

/** Whether nobody listens there. */
export const isFree = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const server = net.createServer()
    server.once("error", () => done(false))
    server.listen(port, loopback, () => server.close(() => done(true)))
  })
