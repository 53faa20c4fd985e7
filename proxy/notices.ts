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

/** The lines that are printed when everything is ready. `path` is undefined when the kubeconfig went to stdout. */
export const readyLines = (
  served: readonly Served[],
  path: string | undefined,
  platform: NodeJS.Platform,
): string[] => {
  const listening = served.flatMap(({ cluster, port, insteadOf }) => {
    const of = served.length > 1 ? ` for cluster ${cluster}` : ""
    const taken = insteadOf === undefined ? [] : [`Port ${insteadOf} is taken, so a free one is used.`]
    return [...taken, `Proxy is listening on port ${port}${of}`]
  })
  const contexts = served.map(({ context }) => `'${context}'`).join(", ")
  const where =
    path === undefined
      ? [`Kubeconfig with context ${contexts} written to standard output`]
      : [
          `Start sending kubectl requests on ${contexts} ${served.length > 1 ? "contexts" : "context"} using kubeconfig at ${path}`,
          platform === "win32"
            ? `  $env:KUBECONFIG = '${path.replaceAll("'", "''")}'`
            : `  export KUBECONFIG=${quoted(path)}`,
          served.length > 1 ? `  kubectl --context ${served[0]?.context} get pods` : "  kubectl get pods",
        ]
  return [...listening, ...where, "Press Ctrl+C to close proxy."]
}
