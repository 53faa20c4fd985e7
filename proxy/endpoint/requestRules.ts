/** What a request's method, target and headers say about how it may be treated. */
export interface RequestRules {
  /** May be sent a second time when the first ended without an answer. */
  readonly repeatable: boolean
  /** Is expected to stand still for as long as the stream's hold time. */
  readonly longRunning: boolean
}

/** Query parameters by which the API server recognises a long-running request (its LongRunningFunc, apiserver/pkg/server/config.go). */
const longRunningParameters = ["watch", "follow"]
/** `/api/v1` or `/apis/GROUP/VERSION`, by which every resource's path begins; an object may be called `proxy` or `watch` itself. */
const root = "^/(?:api/[^/]+|apis/[^/]+/[^/]+)"
/** Subresources that stream whatever the method is. */
const streamingSubresource = new RegExp(
  `${root}(?:/namespaces/[^/]+)?/[^/]+/[^/]+/(?:exec|attach|portforward|proxy)(?:/|$)`,
)
const watchPrefix = new RegExp(`${root}/watch/`)

/** Go's strconv.ParseBool, which the API server applies to query parameters; a parameter without a value is true there. */
const isTrue = (value: string) => !["0", "f", "F", "false", "FALSE", "False"].includes(value)

/** Never decides access, only patience. */
export const requestRules = (method: string, target: string, upgrade: boolean): RequestRules => {
  const [path = "", query = ""] = target.split("?", 2)
  const parameters = new URLSearchParams(query)
  const watches = longRunningParameters.some((name) => {
    const value = parameters.get(name)
    return value !== null && isTrue(value)
  })
  return {
    repeatable: (method === "GET" || method === "HEAD") && !upgrade,
    longRunning: upgrade || watches || watchPrefix.test(path) || streamingSubresource.test(path),
  }
}
