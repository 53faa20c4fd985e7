import type { Route } from "./Route.ts"

export type Found =
  | { readonly type: "route"; readonly route: Route; readonly params: Readonly<Record<string, string>> }
  | { readonly type: "wrongMethod" }
  | { readonly type: "none" }

interface Compiled {
  readonly pattern: RegExp
  readonly names: readonly string[]
  readonly route: Route
}

/** Finds the route of a request target, compared byte for byte: nothing is decoded, normalised or cut off. */
export class Router {
  readonly #routes: readonly Compiled[]

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => {
      const segments = route.path.split("/").map((segment) => /^\{(\w+)\}$/.exec(segment)?.[1] ?? literal(segment))
      const names = segments.filter((segment) => typeof segment === "string")
      const source = segments.map((segment) => (typeof segment === "string" ? "([^/?#]+)" : segment.source)).join("/")
      return { pattern: new RegExp(`^${source}$`), names, route }
    })
  }

  find(method: string, target: string): Found {
    let pathKnown = false
    for (const { pattern, names, route } of this.#routes) {
      const match = pattern.exec(target)
      if (match === null) continue
      pathKnown = true
      if (route.method !== method) continue
      return {
        type: "route",
        route,
        params: Object.fromEntries(names.map((name, index) => [name, match[index + 1] ?? ""])),
      }
    }
    return { type: pathKnown ? "wrongMethod" : "none" }
  }
}

const literal = (segment: string) => ({ source: segment.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") })
