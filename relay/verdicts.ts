import { Either } from "effect"
import { closeCode } from "../protocol/names.ts"
import type { Access } from "./callers/Access.ts"
import type { Registry } from "./enrolment/Registry.ts"
import type { ControlSession } from "./sessions/ControlSession.ts"
import type { Store } from "./store/Store.ts"
import type { StreamRequest, Verdict } from "./streams/StreamRequest.ts"

export interface Judged {
  readonly registry: Registry
  readonly access: Access
  readonly store: Store
}

const revoked = (reason: string): Verdict => ({ code: closeCode.revoked, reason })

/** Why a control session must end now. A key that left the document is told to move: the agent comes back with its new one. */
export const sessionVerdict = ({ registry, store }: Judged, session: ControlSession): Verdict | undefined => {
  const { cluster, sessionKey, identityKey, serial } = session.agent
  if (store.clusters.isRevoked(cluster)) return revoked("cluster-revoked")
  const registration = registry.registration(cluster)
  if (registration?.document === undefined) return revoked("cluster-deregistered")
  // One identity never has two documents of one serial.
  if (registration.serial === serial && registration.identityKey === identityKey) return undefined
  const opened = registry.openFor(cluster, registration.document)
  if (Either.isLeft(opened)) return revoked("cluster-deregistered")
  if (!opened.right.sessionKeys.includes(sessionKey)) return { code: closeCode.moved, reason: "session-key-replaced" }
  session.confirm(opened.right.identityKey, opened.right.serial)
  return undefined
}

/** Why a carrier, or the opening of one, must end now. */
export const streamVerdict = (
  judged: Judged,
  { caller, cluster }: StreamRequest,
  session: ControlSession | undefined,
): Verdict | undefined => {
  const { access, store } = judged
  if (access.isRevoked(caller)) return revoked("caller-revoked")
  if (store.clusters.isRevoked(cluster)) return revoked("cluster-revoked")
  if (!access.may(caller, cluster, "connect")) return revoked("access-revoked")
  return session === undefined ? undefined : sessionVerdict(judged, session)
}
