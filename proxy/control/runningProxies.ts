import { readdir, rm } from "node:fs/promises"
import { ControlConnection, ProxyGone, ProxySilent } from "./ControlConnection.ts"
import type { ProxyStatus } from "./controlMessages.ts"
import { type ControlPlace, controlPlace, entryInName } from "./controlPlace.ts"
import { surelyDead } from "./thisHost.ts"

/** A proxy that runs; one that does not answer has no status. */
export interface Running {
  readonly place: ControlPlace
  readonly status: ProxyStatus | undefined
}

/** Whose answer kubectl waits for; it is busy machines that need more than milliseconds. */
const entryMillis = 2_000

/** All proxies of this user that run now on this machine, in the order of their start. What killed ones left behind is removed. */
export const runningProxies = async (folder: string): Promise<readonly Running[]> => {
  const found = await Promise.all((await placesIn(folder)).map((place) => askedFor(place)))
  const started = ({ status }: Running) => status?.startedAt ?? ""
  return found
    .filter((one) => one !== undefined)
    .toSorted((one, other) => started(one).localeCompare(started(other)) || one.place.pid - other.place.pid)
}

/**
 * The proxies that serve the kubeconfig's entry of this hash. No other proxy is asked, so that one that hangs keeps nobody waiting; one
 * that could be the entry's and does not answer is among them, without a status.
 */
export const proxiesOfEntry = async (folder: string, hash: string): Promise<readonly Running[]> => {
  const places = (await placesIn(folder)).filter(({ entry }) => entry === entryInName(hash))
  const found = await Promise.all(places.map((place) => askedFor(place, entryMillis)))
  return found.filter((one) => one !== undefined).filter(({ status }) => status === undefined || status.entry === hash)
}

const placesIn = async (folder: string): Promise<readonly ControlPlace[]> => {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return []
    throw error
  })
  return names.map((name) => controlPlace(folder, name)).filter((place) => place !== undefined)
}

const askedFor = async (place: ControlPlace, millis?: number): Promise<Running | undefined> => {
  try {
    using connection = await opened(place, millis)
    return { place, status: await connection.status() }
  } catch (error) {
    if (error instanceof ProxyGone) return undefined
    if (error instanceof ProxySilent) return { place, status: undefined }
    throw error
  }
}

const opened = async (place: ControlPlace, millis: number | undefined): Promise<ControlConnection> => {
  try {
    return await ControlConnection.open(place, millis)
  } catch (error) {
    // Its name is its own for ever: no other proxy can have come to listen there.
    if (error instanceof ProxyGone && surelyDead(place.mark, place.pid)) await rm(place.file, { force: true })
    throw error
  }
}
