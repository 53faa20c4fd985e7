import { X509Certificate } from "node:crypto"
import { readFileSync, statSync } from "node:fs"
import * as tls from "node:tls"
import { OutboundInvalid } from "./failures.ts"

/** The certificate authorities that an outgoing TLS connection trusts. */
export interface TrustedRoots {
  /** PEM texts: the runtime's own roots, the system's, and the additional ones. */
  readonly ca: readonly string[]
  /** The same, parsed once: 119 roots parsed anew cost 1 ms per connection. */
  readonly secureContext: tls.SecureContext
}

/**
 * The bundled and the system's roots together with the certificates of `files` and `pem`. Additional ones are added, never
 * put in place of the others: a corporate CA stands beside the public ones. Throws {@link OutboundInvalid} if a file cannot
 * be read or holds no certificate: a CA file that silently adds nothing shows later as a TLS failure that nobody can explain.
 */
export function trustedRoots(
  additional: { readonly files?: readonly string[]; readonly pem?: readonly string[] } = {},
): TrustedRoots {
  const extra = [
    ...(additional.files ?? []).flatMap((file) => certificates(`CA file ${file}`, read(file))),
    ...(additional.pem ?? []).flatMap((text) => certificates("CA bundle", text)),
  ]
  const ca = [...new Set([...builtIn(), ...extra])]
  return { ca, secureContext: tls.createSecureContext({ ca, minVersion: "TLSv1.2" }) }
}

/** {@link trustedRoots} of files that may be replaced while the program runs: read again when a file changed, the last good ones else. */
export function reloadingRoots(files: readonly string[]): () => TrustedRoots {
  let seen = fingerprint(files)
  let roots = trustedRoots({ files })
  return () => {
    const now = fingerprint(files)
    if (now === seen) return roots
    seen = now
    try {
      roots = trustedRoots({ files })
    } catch (error) {
      if (!(error instanceof OutboundInvalid)) throw error
    }
    return roots
  }
}

let withoutAdditional: TrustedRoots | undefined

/** {@link trustedRoots} without additional ones, made once. */
export function defaultRoots(): TrustedRoots {
  withoutAdditional ??= trustedRoots()
  return withoutAdditional
}

let builtInRoots: readonly string[] | undefined

function builtIn(): readonly string[] {
  builtInRoots ??= distinct([
    ...tls.rootCertificates,
    ...tls.getCACertificates("system"),
    ...tls.getCACertificates("extra"),
  ])
  return builtInRoots
}

/** The bundled and the system's roots are mostly the same certificates in another layout of their PEM text. */
function distinct(texts: readonly string[]): string[] {
  const byContent = new Map(texts.map((text) => [text.replace(/\s/g, ""), text]))
  return [...byContent.values()]
}

function certificates(source: string, text: string): string[] {
  const found = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  if (found.length === 0) throw new OutboundInvalid({ setting: source, detail: "it holds no PEM certificate" })
  for (const pem of found) {
    try {
      new X509Certificate(pem)
    } catch {
      throw new OutboundInvalid({ setting: source, detail: "it holds a certificate that cannot be parsed" })
    }
  }
  return found.map((pem) => `${pem}\n`)
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    throw new OutboundInvalid({
      setting: `CA file ${file}`,
      detail: (error as NodeJS.ErrnoException).code ?? "unreadable",
    })
  }
}

function fingerprint(files: readonly string[]): string {
  return files
    .map((file) => statSync(file, { throwIfNoEntry: false }))
    .map((stat) => (stat ? `${stat.ino}:${stat.size}:${stat.mtimeMs}` : "absent"))
    .join(",")
}
