import net from "node:net"
import { Data, Either } from "effect"
import { callerHashHeader, clientAddressHeader, instanceHeader, path, streamProtocol } from "../../../protocol/names.ts"
import { headerLines, listOf } from "../exchange/Incoming.ts"

const refusal = <const Tag extends string>(tag: Tag, httpStatus: number, explanation: string) =>
  class extends Data.TaggedError(tag)<{ readonly detail?: string }> {
    readonly httpStatus = httpStatus
    override get message() {
      return this.detail === undefined ? explanation : `${explanation}: ${this.detail}`
    }
  }

export class CarrierPathUnknown extends refusal("CarrierPathUnknown", 404, "only carriers are taken here") {}
export class CarrierHeaderInvalid extends refusal(
  "CarrierHeaderInvalid",
  400,
  "a header that a carrier needs is missing, repeated or malformed",
) {}
export class CarrierProtocolUnknown extends refusal(
  "CarrierProtocolUnknown",
  400,
  `none of the offered subprotocols is spoken here; expected ${streamProtocol}`,
) {}
export class InstanceGone extends refusal(
  "InstanceGone",
  409,
  "the stream is held by an auth proxy that is not here any more",
) {}

export class AuthProxyDraining extends refusal(
  "AuthProxyDraining",
  503,
  "this auth proxy is shutting down and takes no new stream; those that it holds may come back",
) {}

export type CarrierRefusal =
  | CarrierPathUnknown
  | CarrierHeaderInvalid
  | CarrierProtocolUnknown
  | InstanceGone
  | AuthProxyDraining

export interface CarrierHead {
  readonly callerHash: string
  readonly clientAddress: string
  /** `host:port#nonce` as this auth proxy was dialled. */
  readonly instance: string
}

/** Reads a carrier's upgrade request. What it says about the caller is the relay's word: good for limits and logs, never for access. */
export const carrierHead = (
  request: { readonly url?: string | undefined; readonly rawHeaders: readonly string[] },
  here: { readonly dialled: string; readonly bootNonce: string; readonly draining: boolean },
): Either.Either<CarrierHead, CarrierRefusal> =>
  Either.gen(function* () {
    if (request.url !== path.authProxyCarrier) return yield* Either.left(new CarrierPathUnknown({}))
    if (!listOf(request.rawHeaders, "sec-websocket-protocol").includes(streamProtocol))
      return yield* Either.left(new CarrierProtocolUnknown({}))
    const callerHash = yield* single(request.rawHeaders, callerHashHeader)
    // SHA-256 in base64url: anything else is no hash of a caller.
    if (!/^[A-Za-z0-9_-]{43}$/.test(callerHash)) return yield* malformed(callerHashHeader)
    const clientAddress = yield* single(request.rawHeaders, clientAddressHeader)
    // It goes into X-Forwarded-For and from there into the cluster's audit log.
    if (net.isIP(clientAddress) === 0 || clientAddress.includes("%")) return yield* malformed(clientAddressHeader)
    const instance = `${here.dialled}#${here.bootNonce}`
    const wanted = headerLines(request.rawHeaders).filter(([name]) => name.toLowerCase() === instanceHeader)
    if (wanted.length > 1) return yield* malformed(instanceHeader)
    const nonce = wanted[0]?.[1].split("#").at(-1)
    if (nonce !== undefined && nonce !== here.bootNonce) return yield* Either.left(new InstanceGone({}))
    // Name servers and endpoints lag behind readiness by half a minute, and an agent prefers whoever has the fewest carriers: us.
    if (nonce === undefined && here.draining) return yield* Either.left(new AuthProxyDraining({}))
    return { callerHash, clientAddress, instance }
  })

const single = (rawHeaders: readonly string[], wanted: string): Either.Either<string, CarrierHeaderInvalid> => {
  const values = headerLines(rawHeaders).filter(([name]) => name.toLowerCase() === wanted)
  return values.length === 1 ? Either.right(values[0]?.[1] ?? "") : malformed(wanted)
}

const malformed = (header: string) => Either.left(new CarrierHeaderInvalid({ detail: header }))
