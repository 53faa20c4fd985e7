/** What no text that programs write for others may contain, whatever it belongs to. */
export const shapes: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["a signed token", /eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/],
  ["a session credential", /ccsession_[A-Za-z0-9_-]{8,}/],
  ["a join token", /ccjoin_[A-Za-z0-9_-]{8,}/],
  ["a private key", /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ["a credential behind its scheme", /\b(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{16,}/i],
  ["a bearer subprotocol", /base64url\.bearer\.authorization\.k8s\.io\.[A-Za-z0-9_-]{8,}/],
  ["a private JWK", /"d"\s*:\s*"[A-Za-z0-9_-]{20,}"/],
]

/** What a text gives away: one of the shapes, or one of the secrets. */
export const leaked = (text: string, secrets: readonly string[]): readonly string[] => [
  ...shapes.flatMap(([what, pattern]) => {
    const match = pattern.exec(text)
    return match === null ? [] : [`${what}: ${text.slice(Math.max(0, match.index - 120), match.index + 12)}…`]
  }),
  ...secrets.flatMap((secret) =>
    text.includes(secret) ? [`a secret of this run that begins ${secret.slice(0, 8)}`] : [],
  ),
]

/** The lines of a PEM key, or of a token, that are nobody else's. */
export const secretLines = (text: string): readonly string[] =>
  text
    .trim()
    .split("\n")
    .filter((line) => line.length > 40 && !line.startsWith("-----"))
