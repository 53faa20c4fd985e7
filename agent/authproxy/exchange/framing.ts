import { Either } from "effect"
import { headerLines, type Incoming, listOf } from "./Incoming.ts"
import {
  ContentLengthRefused,
  DuplicateHeader,
  HostMissing,
  TransferEncodingRefused,
  UpgradeProtocolRefused,
  UpgradeWithBody,
} from "./refusals.ts"

export type FramingRefusal =
  | HostMissing
  | DuplicateHeader
  | TransferEncodingRefused
  | ContentLengthRefused
  | UpgradeProtocolRefused
  | UpgradeWithBody

/** What kubectl and the API server upgrade to. */
export type UpgradeProtocol = "websocket" | "SPDY/3.1"

/** How a request's body is delimited; written anew on the way to the API server. */
export type Body =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }

export interface Framing {
  readonly upgrade: UpgradeProtocol | undefined
  readonly body: Body
}

/** Two of these lines let two readers of one request see different requests. */
const singular = new Set([
  "authorization",
  "content-length",
  "content-type",
  "host",
  "sec-websocket-key",
  "sec-websocket-version",
  "transfer-encoding",
  "upgrade",
])

/** RFC 9112 section 6, without everything in it that two implementations read differently. */
export const framing = (incoming: Incoming): Either.Either<Framing, FramingRefusal> => {
  const once = new Map<string, string>()
  for (const [name, value] of headerLines(incoming.rawHeaders)) {
    const lower = name.toLowerCase()
    if (!singular.has(lower)) continue
    if (once.has(lower)) return Either.left(new DuplicateHeader({ detail: lower }))
    once.set(lower, value)
  }
  if ((once.get("host") ?? "").trim() === "") return Either.left(new HostMissing({}))
  return Either.flatMap(bodyOf(once), (body) => upgradeOf(incoming, once, body))
}

const bodyOf = (once: ReadonlyMap<string, string>): Either.Either<Body, FramingRefusal> => {
  const encoding = once.get("transfer-encoding")
  const length = once.get("content-length")
  if (encoding !== undefined)
    return encoding === "chunked" && length === undefined
      ? Either.right({ kind: "chunked" })
      : Either.left(new TransferEncodingRefused({}))
  if (length === undefined) return Either.right({ kind: "none" })
  // Fifteen digits are a petabyte and still exact in a double.
  if (!/^[0-9]{1,15}$/.test(length)) return Either.left(new ContentLengthRefused({}))
  return Either.right({ kind: "length", bytes: Number(length) })
}

const upgradeOf = (
  { rawHeaders, upgrade: asked }: Incoming,
  once: ReadonlyMap<string, string>,
  body: Body,
): Either.Either<Framing, FramingRefusal> => {
  const named = once.get("upgrade")
  const connection = listOf(rawHeaders, "connection").map((member) => member.toLowerCase())
  if (!asked) return Either.right({ upgrade: undefined, body })
  const protocol = named?.toLowerCase()
  const upgrade = protocol === "websocket" ? "websocket" : protocol === "spdy/3.1" ? "SPDY/3.1" : undefined
  if (upgrade === undefined || !connection.includes("upgrade")) return Either.left(new UpgradeProtocolRefused({}))
  if (body.kind === "chunked" || (body.kind === "length" && body.bytes > 0)) return Either.left(new UpgradeWithBody({}))
  return Either.right({ upgrade, body: { kind: "none" } })
}
