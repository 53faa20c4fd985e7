import type { PlacedKubeconfig } from "./kubeconfig/placeKubeconfig.ts"

/** What a person reads on stderr; never on stdout, which belongs to what was asked for. */
export interface Notices {
  readonly say: (line: string) => void
}

export interface Served {
  readonly cluster: string
  readonly context: string
  readonly port: number
  /** The preferred port that was taken. */
  readonly insteadOf: number | undefined
}

/** How a path is written for the shell that a person will paste it into. */
const quoted = (path: string) => (/^[A-Za-z0-9_./:~-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`)

/** The line that a person pastes into a shell so that kubectl uses this file. */
export const variableLine = (path: string, platform: NodeJS.Platform): string =>
  platform === "win32" ? `$env:KUBECONFIG = '${path.replaceAll("'", "''")}'` : `export KUBECONFIG=${quoted(path)}`

/** The lines that are printed when everything is ready. */
export const readyLines = (
  served: readonly Served[],
  { path, merged }: PlacedKubeconfig,
  platform: NodeJS.Platform,
  background?: { readonly pid: number; readonly log: string },
): string[] => {
  const listening = served.flatMap(({ cluster, port, insteadOf }) => {
    const of = served.length > 1 ? ` for cluster ${cluster}` : ""
    const taken = insteadOf === undefined ? [] : [`Port ${insteadOf} is taken, so a free one is used.`]
    return [...taken, `Proxy is listening on port ${port}${of}`]
  })
  const contexts = served.map(({ context }) => `'${context}'`).join(", ")
  const start = `Start sending kubectl requests on ${contexts} ${served.length > 1 ? "contexts" : "context"} using kubeconfig at ${path}`
  const get = served.length > 1 ? `  kubectl --context ${served[0]?.context} get pods` : "  kubectl get pods"
  return [...listening, ...kubeconfigLines(), ...closing()]

  function closing(): string[] {
    if (background === undefined) return ["Press Ctrl+C to close proxy."]
    return [
      `Proxy runs in the background with pid ${background.pid}; its log is ${background.log}`,
      "  clusterconnect status",
      `  clusterconnect stop ${served.map(({ cluster }) => cluster).join(" ")}`,
    ]
  }

  function kubeconfigLines(): string[] {
    if (path === undefined) return [`Kubeconfig with context ${contexts} written to standard output`]
    if (merged) {
      const others = served.slice(1).map(({ context }) => `Merged "${context}" in ${path}`)
      return [`Merged "${served[0]?.context}" as current context in ${path}`, ...others, start, get]
    }
    return [start, `  ${variableLine(path, platform)}`, get]
  }
}
