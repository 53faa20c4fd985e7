import { BodyTooLarge, OutboundInvalid, RedirectRefused, Unreachable, UpgradeRefused } from "../../platform/outbound.ts"
import { type Hop, refusalFrom } from "../../protocol/status.ts"
import { isPathFailure, NotAuthenticated, PathBroken, type PathFailure, RefusedByPolicy } from "../failures.ts"
import { printable } from "../printable.ts"

/** What a relay's own words may be: hops beyond it never answer an upgrade or a question about a cluster as somebody else. */
const knownHops: readonly string[] = ["relay", "agent", "auth-proxy", "identity-provider"]
/** A refusal's text is shown to a person; a hostile or broken relay must not fill a terminal. */
const maxMessageCharacters = 1_000
/** Ours are single words. */
const maxCauseCharacters = 64

/** An HTTP answer of the relay's that is no success, as a failure that names the hop and what the user can do. */
export const failureFromAnswer = (relay: string, status: number, body: string): PathFailure => {
  const refusal = refusalFrom(status, body)
  const hop: Hop = refusal !== undefined && knownHops.includes(refusal.hop) ? refusal.hop : "relay"
  const cause = printable(refusal?.cause ?? `Status${status}`, maxCauseCharacters)
  const said = refusal === undefined ? `${relay} answered ${status}` : printable(refusal.message, maxMessageCharacters)
  // A captive portal or a load balancer judges nobody: what is no relay's answer ends no session.
  if (refusal === undefined)
    return new PathBroken({
      hop: "relay",
      cause: "UnexpectedAnswer",
      detail: `${said}, and not in a relay's form: is that the relay's URL, or is something in between?`,
    })
  if (status === 401)
    return new NotAuthenticated({
      hop,
      cause,
      detail: `${said}. The relay did not accept the relay token: get a new one, and check its issuer and audience (--relay-audience)`,
    })
  if (status === 403 || status === 404)
    return new RefusedByPolicy({
      hop,
      cause,
      detail: `${said}. Check the cluster's name and your access to it with the administrator of ${relay}`,
    })
  return new PathBroken({ hop, cause, detail: said })
}

/** Any failure of a call to the relay. */
export const relayFailure = (relay: string, error: unknown): PathFailure => {
  if (isPathFailure(error)) return error
  if (error instanceof UpgradeRefused) return failureFromAnswer(relay, error.status, error.body)
  if (error instanceof Unreachable)
    return new PathBroken({
      hop: "relay",
      cause: `Unreachable-${error.stage}`,
      detail: `${error.message}. ${remedy(error)}`,
    })
  if (error instanceof BodyTooLarge || error instanceof RedirectRefused)
    return new PathBroken({ hop: "relay", cause: error._tag, detail: `${error.message}: is that the relay's URL?` })
  if (error instanceof OutboundInvalid)
    return new PathBroken({ hop: "proxy", cause: error._tag, detail: error.message })
  const detail = error instanceof Error ? error.message : String(error)
  return new PathBroken({ hop: "relay", cause: "CallFailed", detail: `the relay ${relay} did not answer: ${detail}` })
}

const remedy = ({ stage, code }: Unreachable): string => {
  switch (stage) {
    case "dns":
      return "Check the relay's name and your name service"
    case "tcp":
      return "Check the network, and HTTPS_PROXY if the outside is reached through a proxy"
    case "proxy":
      return "Check HTTPS_PROXY and NO_PROXY"
    case "tls":
      return code === "CERT_HAS_EXPIRED"
        ? "The relay's certificate has expired: tell its administrator"
        : "If the relay's certificate comes from a private authority, give it with --ca-file"
    case "http":
      return "Something answered that does not speak HTTP as expected, or stopped answering"
  }
}
