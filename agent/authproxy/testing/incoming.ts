import type { Incoming } from "../exchange/Incoming.ts"

/** A request's head for unit tests: a GET of /api with a Host line, changed as given. */
export const incoming = (
  changes: Partial<Incoming> & { readonly lines?: readonly (readonly [string, string])[] } = {},
): Incoming => {
  const { lines = [], ...rest } = changes
  return {
    method: "GET",
    target: "/api",
    httpVersion: "1.1",
    upgrade: false,
    rawHeaders: [...["Host", "edge-1.clusterconnect.internal"], ...lines.flat()],
    ...rest,
  }
}

/** The `_tag` of a refusal, or "accepted". */
export const verdict = (
  result: { readonly _tag: "Left"; readonly left: { readonly _tag: string } } | { readonly _tag: "Right" },
) => (result._tag === "Left" ? result.left._tag : "accepted")
