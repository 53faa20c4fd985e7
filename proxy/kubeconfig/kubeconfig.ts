import { stringify } from "yaml"
import { execApiVersion } from "../plugin/execInfo.ts"
import { keptMark, marked } from "./entryMark.ts"

/** A program, with its arguments, that kubectl runs to get a session credential. */
export interface Plugin {
  readonly command: string
  readonly args: readonly string[]
  /** Whose entry this is: the relay, and the cluster there. */
  readonly relay: string
  readonly cluster: string
}

export interface KubeconfigEntry<Credential extends string | Plugin = string | Plugin> {
  /** Name of cluster, context and user. */
  readonly name: string
  readonly port: number
  readonly authorityPem: string
  /** The session credential of the local endpoint, worthless anywhere else, or what gives it. Never the caller's token. */
  readonly credential: Credential
}

/** The three parts of clientcmd v1 that one entry consists of. */
export const partsOf = ({ name, port, authorityPem, credential }: KubeconfigEntry) => ({
  clusters: {
    name,
    cluster: {
      server: `https://127.0.0.1:${port}`,
      "certificate-authority-data": Buffer.from(authorityPem, "utf8").toString("base64"),
    },
  },
  users: { name, user: userOf(credential) },
  contexts: { name, context: { cluster: name, user: name } },
})

const userOf = (credential: string | Plugin) =>
  typeof credential === "string"
    ? { token: credential }
    : {
        exec: {
          apiVersion: execApiVersion,
          command: credential.command,
          args: credential.args,
          installHint:
            "Install clusterconnect again, or remove this entry: it was written by `clusterconnect kubeconfig`.",
          interactiveMode: "Never",
          provideClusterInfo: true,
        },
      }

/** A kubeconfig (clientcmd v1) with one context per entry; the first is current. One that stays is marked as ours. */
export const kubeconfig = (entries: readonly KubeconfigEntry[]): string => {
  const parts = entries.map((entry) => {
    const { credential } = entry
    return typeof credential === "string" ? partsOf(entry) : marked(partsOf(entry), keptMark(credential))
  })
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": entries[0]?.name ?? "",
      preferences: {},
      clusters: parts.map(({ clusters }) => clusters),
      users: parts.map(({ users }) => users),
      contexts: parts.map(({ contexts }) => contexts),
    },
    { lineWidth: 0 },
  )
}
