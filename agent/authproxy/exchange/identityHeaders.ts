import { Either } from "effect"
import type { Caller } from "../../../identity/claimMapping.ts"
import { reservedName, unusableName } from "../../../identity/reservedNames.ts"
import { isImpersonation } from "./clientHeaders.ts"
import { EmptyIdentity } from "./refusals.ts"

/** Bytes that may stand in a header name unescaped (RFC 9110 `tchar`), without `%`, which begins an escape. */
const tokenCharacter = /^[a-z0-9!#$&'*+\-.^_`|~]$/

/** An extra key in a header name: lower case, every other byte percent-encoded (k8s.io/client-go/transport headerKeyEscape). */
export const escapedExtraKey = (key: string): string =>
  [...Buffer.from(key.toLowerCase(), "utf8")]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      return tokenCharacter.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
    })
    .join("")

/** Text as the latin1 string whose bytes are its UTF-8: what the API server reads back as the text. */
const onWire = (text: string): string => Buffer.from(text, "utf8").toString("latin1")

/** The impersonation header lines for a caller, flat: the user once, one line per group (a comma is part of a name), uid, extras. */
export const identityHeaders = ({ username, groups, uid, extra }: Caller): readonly string[] => [
  ...["Impersonate-User", onWire(username)],
  ...groups.flatMap((group) => ["Impersonate-Group", onWire(group)]),
  ...(uid === undefined ? [] : ["Impersonate-Uid", onWire(uid)]),
  ...Object.entries(extra).flatMap(([key, values]) =>
    values.flatMap((value) => [`Impersonate-Extra-${escapedExtraKey(key)}`, onWire(value)]),
  ),
]

/**
 * The last look before anything is written to the API server: exactly one user, not empty, not reserved, not altered by the
 * wire, and no impersonation header but these. Without a user the request would run with the auth proxy's own rights (CVE-2026-23990).
 */
export const assertIdentity = (headers: readonly string[], caller: Caller): Either.Either<void, EmptyIdentity> => {
  const expected = identityHeaders(caller)
  const found: string[] = []
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? ""
    if (isImpersonation(name)) found.push(name, headers[index + 1] ?? "")
  }
  const users = found.filter((name, index) => index % 2 === 0 && name === "Impersonate-User").length
  const usable = [caller.username, ...caller.groups].every(
    (name) => unusableName(name) === undefined && reservedName(name) === undefined,
  )
  const same = found.length === expected.length && found.every((text, index) => text === expected[index])
  return users === 1 && usable && same ? Either.void : Either.left(new EmptyIdentity({}))
}
