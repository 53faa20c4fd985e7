import type { Pin } from "../../protocol/keys.ts"
import { LocalFailure, RefusedByPolicy } from "../failures.ts"

/** Which entry of the memory a refusal is about. To remove it is the user's way to say that an identity is good again. */
export interface EntryOf {
  readonly relay: string
  readonly cluster: string
  /** In words: its name and file. */
  readonly entry: string
}

/** @param now the identity that is known instead */
export const identityRetired = ({ relay, cluster, entry }: EntryOf, retired: Pin, now: Pin) =>
  new RefusedByPolicy({
    hop: "relay",
    cause: "IdentityRetired",
    detail: `the relay ${relay} shows a document of cluster ${cluster} for which the identity ${retired} stands, which was replaced: it has signed a successor, and ${now} is known here now. Somebody may have stolen the old key, or the relay came back from an old backup. Nothing was sent to the cluster. Compare .status.identityPin of the ClusterConnect resource. If the cluster's operator went back to the old identity and says so, remove the ${entry} and give --pin ${retired}`,
  })

/** @param most that are remembered */
export const tooManySuccessions = ({ relay, cluster, entry }: EntryOf, most: number) =>
  new RefusedByPolicy({
    hop: "relay",
    cause: "TooManySuccessions",
    detail: `cluster ${cluster} at the relay ${relay} has an identity after ${most} others that were replaced, and no more of them are remembered here; none may be forgotten, because its key may be stolen. Nothing was sent to the cluster. Ask the cluster's operator for the pin (.status.identityPin), remove the ${entry}, and give the pin with --pin`,
  })

/** @param mostBytes that the file may have */
export const noRoom = (entry: string, mostBytes: number) =>
  new LocalFailure({
    detail: `what is remembered of clusters would be larger than ${mostBytes} bytes with the ${entry}, so the file was left as it was, and nothing was sent to the cluster: remove from it the entries of clusters that you do not use any more, above all the long ones. An entry's pin is forgotten with it`,
  })

export const unreadable = (path: string, { code, message }: NodeJS.ErrnoException) =>
  new LocalFailure({ detail: `${path} cannot be read (${code ?? message})` })

/** @param fault what is wrong with the file, by its name */
export const damaged = (fault: string) =>
  new LocalFailure({
    detail: `${fault}. It holds the pins of your clusters: repair it, or remove it and confirm every pin again`,
  })
