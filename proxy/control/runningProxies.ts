import { readdir, rm } from "node:fs/promises"
import { ControlConnection, ProxyGone, ProxySilent } from "./ControlConnection.ts"
import type { ProxyStatus } from "./controlMessages.ts"
import { type ControlPlace, controlPlace } from "./controlPlace.ts"

/** A proxy that runs; one that does not answer has no status. */
export interface Running {
  readonly place: ControlPlace
  readonly status: ProxyStatus | undefined
}

/** All proxies of this user that run now, in the order of their start. What killed ones left behind is removed. */
export const runningProxies = async (folder: string): Promise<readonly Running[]> => {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return []
    throw error
  })
  const found = await Promise.all(names.map((name) => askedFor(controlPlace(folder, name))))
  const started = ({ status }: Running) => status?.startedAt ?? ""
  return found
    .filter((one) => one !== undefined)
    .toSorted((one, other) => started(one).localeCompare(started(other)) || one.place.pid - other.place.pid)
}

const askedFor = async (place: ControlPlace | undefined): Promise<Running | undefined> => {
  if (place === undefined) return undefined
  try {
    using connection = await opened(place)
    return { place, status: await connection.status() }
  } catch (error) {
    if (error instanceof ProxyGone) return undefined
    if (error instanceof ProxySilent) return { place, status: undefined }
    throw error
  }
}

const opened = async (place: ControlPlace): Promise<ControlConnection> => {
  try {
    return await ControlConnection.open(place)
  } catch (error) {
    // Its name is its own for ever: no other proxy can have come to listen there.
    if (error instanceof ProxyGone) await rm(place.file, { force: true })
    throw error
  }
}
