import { Either } from "effect"
import { proxyTailAt } from "./apiPath.ts"
import type { Incoming } from "./Incoming.ts"
import {
  HttpVersionRefused,
  MethodRefused,
  TargetBackslash,
  TargetBadCharacter,
  TargetDotSegment,
  TargetEmptySegment,
  TargetEncodedSlash,
  TargetNotOriginForm,
} from "./refusals.ts"

export type TargetRefusal =
  | MethodRefused
  | HttpVersionRefused
  | TargetNotOriginForm
  | TargetBadCharacter
  | TargetBackslash
  | TargetDotSegment
  | TargetEmptySegment
  | TargetEncodedSlash

/**
 * What the API server has verbs for. Not OPTIONS: it has none there, so no impersonation could be allowed for it
 * (docs/decisions/0025-what-is-refused-by-judgement.md).
 */
const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])

/** RFC 3986: what may stand in a path or query, with the few more that Go's client leaves as they are. */
const urlCharacters = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/?%[\]|^"<>`{}\\]*$/
const wrongPercent = /%(?![0-9A-Fa-f]{2})/
const encodedControl = /%(?:[01][0-9A-Fa-f]|7[Ff])/

/**
 * Accepts a request line whose target can be read in one way only. It is forwarded byte for byte, so everything here is about
 * refusing what two readers could take for two different paths. What follows `/proxy/` belongs to the proxied program and may
 * hold empty segments and encoded slashes, but no dot segments (they would climb out of it).
 */
export const requestLine = ({ method, target, httpVersion }: Incoming): Either.Either<void, TargetRefusal> => {
  if (httpVersion !== "1.1") return Either.left(new HttpVersionRefused({}))
  if (!methods.has(method)) return Either.left(new MethodRefused({}))
  if (!target.startsWith("/") || target.startsWith("//")) return Either.left(new TargetNotOriginForm({}))
  if (!urlCharacters.test(target) || wrongPercent.test(target)) return Either.left(new TargetBadCharacter({}))
  const path = pathOf(target)
  if (encodedControl.test(path)) return Either.left(new TargetBadCharacter({ detail: "an encoded control character" }))
  if (path.includes("\\")) return Either.left(new TargetBackslash({}))
  const segments = path.slice(1).split("/")
  if (segments.some(isDotSegment)) return Either.left(new TargetDotSegment({}))
  const own = segments.slice(0, proxyTailAt(segments))
  const isWhole = own.length === segments.length
  if (own.some((segment) => /%2f/i.test(segment))) return Either.left(new TargetEncodedSlash({}))
  if (own.some((segment) => /%5c/i.test(segment))) return Either.left(new TargetBackslash({ detail: "an encoded one" }))
  // One slash at the end is how Go's discovery client writes some paths.
  if (own.some((segment, index) => segment === "" && !(isWhole && index === own.length - 1)))
    return Either.left(new TargetEmptySegment({}))
  return Either.void
}

/** The path of a target, undecoded. */
export const pathOf = (target: string): string => target.split("?", 1)[0] ?? ""

/** The query of a target without its question mark, undecoded; empty when there is none. */
export const queryOf = (target: string): string => target.slice(pathOf(target).length + 1)

/** `.` and `..`, also with encoded dots, encoded slashes or backslashes around them, also inside a proxied path. */
const isDotSegment = (segment: string): boolean =>
  segment
    .replace(/%2e/gi, ".")
    .split(/%2f|%5c|;/i)
    .some((part) => part === "." || part === "..")
