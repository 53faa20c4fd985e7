/** A request's head as it came: nothing joined, nothing decoded. */
export interface Incoming {
  readonly method: string
  /** The request target, byte for byte. */
  readonly target: string
  readonly httpVersion: string
  /** Names and values in turn, as on the wire. */
  readonly rawHeaders: readonly string[]
  /** The client asks for an upgrade, by `Upgrade` together with `Connection: upgrade`. */
  readonly upgrade: boolean
}

/** The header lines in their order. */
export const headerLines = (rawHeaders: readonly string[]): readonly (readonly [name: string, value: string])[] => {
  const lines: [string, string][] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    lines.push([rawHeaders[index] ?? "", rawHeaders[index + 1] ?? ""])
  return lines
}

/** All values of a header, one per line. `name` in lower case. */
export const valuesOf = (rawHeaders: readonly string[], name: string): readonly string[] =>
  headerLines(rawHeaders).flatMap(([found, value]) => (found.toLowerCase() === name ? [value] : []))

/** The members of a comma-separated header over all its lines (RFC 9110 section 5.6.1), without blanks and empty ones. */
export const listOf = (rawHeaders: readonly string[], name: string): readonly string[] =>
  valuesOf(rawHeaders, name)
    .flatMap((value) => value.split(","))
    .map((member) => member.trim())
    .filter((member) => member !== "")
