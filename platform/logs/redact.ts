const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, "[private key]"],
  [/\b(Bearer|Basic|Negotiate)\s+[A-Za-z0-9._~+/=-]{4,}/gi, "$1 [redacted]"],
  [/base64url\.bearer\.authorization\.k8s\.io\.[A-Za-z0-9_-]+/g, "base64url.bearer.authorization.k8s.io.[redacted]"],
  // Three segments, or the first two: a signature may have been cut off, the claims are private all the same.
  [/\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*/g, "[token]"],
  [/\bcc(?:join|session|ticket|relay)?_[A-Za-z0-9_-]{16,}/g, "[secret]"],
  [/(\/\/)[^/@\s"']+@/g, "$1[redacted]@"],
  [
    /\b((?:join|access|refresh|id|session|relay)?[-_ ]?(?:token|secret|password|ticket|api[-_]?key))(["']?\s*[=:]\s*["']?)(?!\[)[^\s"',;&]{8,}/gi,
    "$1$2[redacted]",
  ],
]

/** Keys whose whole value is withheld, whatever it looks like: header names, and names that end in such a word. */
const secretHeader = /^(?:(?:proxy-)?authorization|(?:set-)?cookie|clusterconnect-(?:ticket|session))$/i
const secretName =
  /(?:^|[-_])(?:token|secret|password|ticket|private[-_]?key)$|(?:Token|Secret|Password|Ticket|PrivateKey)$/

/**
 * The text without what looks like a credential. A last defence, not the rule: what is secret is not to reach a log line at
 * all, but a library's error text may quote a header.
 */
export function redact(text: string): string {
  return patterns.reduce((left, [pattern, replacement]) => left.replace(pattern, replacement), text)
}

/** True for a field name that promises a credential: such a field is logged as `[redacted]`. */
export function namesSecret(key: string): boolean {
  return secretHeader.test(key) || secretName.test(key)
}
