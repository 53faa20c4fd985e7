/** Where a load program sends its requests: a JSON argument of the programs in load/. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly ca: string
  /** Of the certificate, where it is not the host. */
  readonly servername?: string
  readonly authorization?: string
}

/** One way from the client to the stub of the API server. */
export interface Path {
  readonly name: string
  readonly target: Target
  /** Processes that exist only because of this way, for CPU and memory. */
  readonly pids: () => Readonly<Record<string, number>>
}

export const small = "/api/v1/namespaces/bench/configmaps/small"
export const bulk = (bytes: number) => `/api/v1/namespaces/bench/pods/bulk/log?limitBytes=${bytes}`
export const upload = "/api/v1/namespaces/bench/configmaps/upload"
export const stalled = "/api/v1/namespaces/bench/configmaps/stalled"
