import { jwkOf, pinOf } from "../../protocol/keys.ts"
import type { Registry } from "../enrolment/Registry.ts"
import type { Directory } from "../sessions/Directory.ts"
import type { JoinToken } from "../store/joinTokens.ts"
import type { Store } from "../store/Store.ts"

/** A cluster as administrators see it, in the API and in commands (there without sessions). */
export const clusterView = (name: string, store: Store, registry: Registry, directory?: Directory) => {
  const registration = registry.registration(name)
  return {
    name,
    registered: registration !== undefined,
    revoked: store.clusters.isRevoked(name),
    ...(registration === undefined
      ? {}
      : {
          identityKey: jwkOf(registration.identityKey),
          identityPin: pinOf(registration.identityKey),
          serial: registration.serial,
          registeredAt: registration.registeredAt.toISOString(),
        }),
    listedKeys: registry.listedKeys(name).map((key) => ({ identityKey: jwkOf(key), identityPin: pinOf(key) })),
    ...(directory === undefined ? {} : { sessions: sessionViews(name, directory) }),
  }
}

export const sessionViews = (name: string, directory: Directory) =>
  directory.of(name).map((session) => ({
    instance: session.agent.instance,
    sessionKey: session.agent.sessionKey,
    documentSerial: session.agent.serial,
    address: session.address,
    openedAt: session.openedAt.toISOString(),
    draining: session.draining,
    streams: session.streams,
  }))

export const tokenView = ({ id, cluster, replaces, expiresAt, spentAt, spentBy }: JoinToken) => ({
  id,
  cluster,
  replaces,
  expiresAt: expiresAt.toISOString(),
  ...(spentAt === undefined ? {} : { spentAt: spentAt.toISOString() }),
  ...(spentBy === undefined ? {} : { spentByPin: pinOf(spentBy) }),
})
