import { ownerLabel } from "../children/childNames.ts"
import type { Seen } from "../kubernetes/follow.ts"
import type { KubernetesObject } from "../kubernetes/Kubernetes.ts"

/** What differs between two looks at the objects of one type: those that came, changed (by `versionOf`) or went. */
const differing = (
  before: Seen,
  now: Seen,
  versionOf: (object: KubernetesObject) => string,
): readonly KubernetesObject[] => [
  ...[...now].flatMap(([key, object]) => {
    const known = before.get(key)
    return known !== undefined && versionOf(known) === versionOf(object) ? [] : [object]
  }),
  ...[...before].flatMap(([key, object]) => (now.has(key) ? [] : [object])),
]

/** Names of the resources that somebody changed. A write of status alone, which is ours, is no change. */
export const changedResources = (before: Seen, now: Seen): ReadonlySet<string> =>
  new Set(differing(before, now, wanted).map(({ metadata }) => metadata.name))

const wanted = ({ metadata }: KubernetesObject): string =>
  JSON.stringify([
    metadata.uid,
    metadata.generation,
    metadata.annotations,
    metadata.labels,
    metadata.deletionTimestamp,
    metadata.finalizers,
  ])

/** Names of the resources to which children that came, changed or went belong. */
export const ownersOfChanged = (before: Seen, now: Seen): ReadonlySet<string> =>
  new Set(
    differing(before, now, ({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`).flatMap(
      ({ metadata }) => metadata.labels?.[ownerLabel] || [],
    ),
  )
