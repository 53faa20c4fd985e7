/** What the API server takes a path for (k8s.io/apiserver/pkg/endpoints/request/requestinfo.go). */
export type ApiPath =
  | {
      readonly kind: "resource"
      /** Empty for the core group. */
      readonly group: string
      readonly version: string
      readonly namespace: string | undefined
      readonly resource: string
      readonly name: string | undefined
      readonly subresource: string | undefined
    }
  /** A legacy path with the verb in it. Behind `watch` the rest is read like any other path. */
  | { readonly kind: "specialVerb"; readonly verb: "proxy" | "watch"; readonly subresource: string | undefined }
  | { readonly kind: "nonResource" }

const specialVerbs = new Set(["proxy", "watch"])
/** `/namespaces/x/status` is a subresource of the namespace, not a resource in it. */
const namespaceSubresources = new Set(["status", "finalize"])

/**
 * Parses an undecoded path that passed `requestLine`; undefined when a segment cannot be decoded to text.
 * Segments are decoded before they are compared, as the server does: `%65xec` is exec.
 */
export const apiPath = (path: string): ApiPath | undefined => {
  const segments = decoded(path.replace(/^\/|\/$/g, "").split("/"))
  if (segments === undefined) return undefined
  const start = prefixLength(segments)
  if (start === undefined || segments.length <= start) return { kind: "nonResource" }
  const [group, version] = segments[0] === "api" ? ["", segments[1] ?? ""] : [segments[1] ?? "", segments[2] ?? ""]
  const verb = segments[start]
  if (verb === "proxy") return { kind: "specialVerb", verb, subresource: undefined }
  if (verb === "watch") return { kind: "specialVerb", verb, subresource: segments[resourceAt(segments, start + 1) + 2] }
  const at = resourceAt(segments, start)
  const inNamespace = segments[start] === "namespaces" && segments.length > start + 1
  return {
    kind: "resource",
    group,
    version,
    namespace: inNamespace ? segments[start + 1] : undefined,
    resource: segments[at] ?? "",
    name: segments[at + 1],
    subresource: segments[at + 2],
  }
}

/**
 * Where in the undecoded segments the part of a proxied program begins (behind the subresource `proxy`), or their number.
 * Only the literal spelling opens that part: an encoded one gets the strict rules, and the server's refusal.
 */
export const proxyTailAt = (segments: readonly string[]): number => {
  const start = prefixLength(segments)
  if (start === undefined || specialVerbs.has(segments[start] ?? "")) return segments.length
  const at = resourceAt(segments, start)
  return segments[at + 2] === "proxy" && segments[at + 1] !== "" ? at + 3 : segments.length
}

const prefixLength = (segments: readonly string[]): number | undefined =>
  segments[0] === "api" ? 2 : segments[0] === "apis" ? 3 : undefined

const resourceAt = (segments: readonly string[], start: number): number =>
  segments[start] === "namespaces" &&
  segments.length > start + 2 &&
  !namespaceSubresources.has(segments[start + 2] ?? "")
    ? start + 2
    : start

const decoded = (segments: readonly string[]): readonly string[] | undefined => {
  try {
    return segments.map(decodeURIComponent)
  } catch {
    return undefined
  }
}
