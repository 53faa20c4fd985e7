import { stringify } from "yaml"

export interface KubeconfigEntry {
  /** Name of cluster, context and user. */
  readonly name: string
  readonly port: number
  readonly authorityPem: string
  /** The session credential of the local endpoint; worthless anywhere else. Never the caller's token. */
  readonly credential: string
}

/** A kubeconfig (clientcmd v1) with one context per entry; the first is current. */
export const kubeconfig = (entries: readonly KubeconfigEntry[]): string =>
  stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": entries[0]?.name ?? "",
      preferences: {},
      clusters: entries.map(({ name, port, authorityPem }) => ({
        name,
        cluster: {
          server: `https://127.0.0.1:${port}`,
          "certificate-authority-data": Buffer.from(authorityPem, "utf8").toString("base64"),
        },
      })),
      users: entries.map(({ name, credential }) => ({ name, user: { token: credential } })),
      contexts: entries.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    },
    { lineWidth: 0 },
  )
