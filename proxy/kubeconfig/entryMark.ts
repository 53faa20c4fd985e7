/** The extension by which our entries are known; Kubernetes' clients keep extensions and ignore them. */
export const extensionName = "clusterconnect.dev"

/** Of an entry that stays when no proxy runs: a session, or another relay's cluster, must not take its place unasked. */
export interface KeptMark {
  readonly kept?: "true"
  readonly relay?: string
  readonly cluster?: string
}

/** Whose an entry is: the relay, and the cluster there. */
interface Owner {
  readonly relay: string
  readonly cluster: string
}

export const keptMark = ({ relay, cluster }: Owner): KeptMark => ({ kept: "true", relay, cluster })

/** Whether the mark is that of a lasting entry for the same cluster of the same relay. */
export const isMarkOf = (mark: unknown, { relay, cluster }: Owner): boolean => {
  const { kept, ...of } = (typeof mark === "object" && mark !== null ? mark : {}) as KeptMark
  return kept === "true" && of.relay === relay && of.cluster === cluster
}

interface Parts {
  readonly clusters: { readonly name: string; readonly cluster: object }
  readonly users: { readonly name: string; readonly user: object }
  readonly contexts: { readonly name: string; readonly context: object }
}

/** The parts of an entry with our extension in each. */
export const marked = ({ clusters, users, contexts }: Parts, extension: object): Parts => {
  const extensions = [{ name: extensionName, extension }]
  return {
    clusters: { ...clusters, cluster: { ...clusters.cluster, extensions } },
    users: { ...users, user: { ...users.user, extensions } },
    contexts: { ...contexts, context: { ...contexts.context, extensions } },
  }
}
