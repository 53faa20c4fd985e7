import type { IncomingMessage } from "node:http"
import { Either, ParseResult, Schema } from "effect"
import type { Caller } from "../callers/Caller.ts"
import { bodyMillis } from "../configuration/limits.ts"
import { BodyMalformed, BodyTooLarge, BodyTooSlow } from "../refusals.ts"

/** One request on its way through a route. */
export interface Exchange {
  readonly request: IncomingMessage
  /** The request target, byte for byte. */
  readonly target: string
  /** Path parameters as they stand in the target; never decoded. */
  readonly params: Readonly<Record<string, string>>
  /** As far as it can be believed. */
  readonly clientAddress: string
  /** Rejects with a refusal unless the request carries a token of somebody whom the policy knows. */
  readonly caller: () => Promise<Caller>
  /** The peer has shown who it is: its socket stops counting as unauthenticated. */
  readonly authenticated: () => void
}

/** The body, or a rejection with {@link BodyTooLarge} or {@link BodyTooSlow}. */
export const readBody = (request: IncomingMessage, maxBytes: number): Promise<Buffer> => {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes)
    return Promise.reject(new BodyTooLarge({ detail: `at most ${maxBytes} bytes` }))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const fail = (error: unknown) => {
      clearTimeout(late)
      request.off("data", onData).resume()
      reject(error)
    }
    const late = setTimeout(() => fail(new BodyTooSlow()), bodyMillis)
    const onData = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxBytes) return fail(new BodyTooLarge({ detail: `at most ${maxBytes} bytes` }))
      chunks.push(chunk)
    }
    request.on("data", onData)
    request.once("end", () => {
      clearTimeout(late)
      resolve(Buffer.concat(chunks))
    })
    request.once("error", () => fail(new BodyTooSlow()))
    request.once("close", () => fail(new BodyTooSlow()))
  })
}

/** The body as JSON of a shape; a key that the shape does not have is refused, so that a misspelled one is not ignored. */
export const readJson = async <A, I>(
  request: IncomingMessage,
  schema: Schema.Schema<A, I>,
  maxBytes: number,
): Promise<A> => {
  const text = (await readBody(request, maxBytes)).toString("utf8")
  let value: unknown
  try {
    value = text === "" ? {} : JSON.parse(text)
  } catch {
    throw new BodyMalformed({ detail: "it is not JSON" })
  }
  const decoded = Schema.decodeUnknownEither(schema, { onExcessProperty: "error" })(value)
  if (Either.isRight(decoded)) return decoded.right
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(decoded.left)
  const field = (issue?.path ?? [])
    .map(String)
    .join(".")
    .replace(/[^\x20-\x7e]/g, "?")
    .slice(0, 200)
  throw new BodyMalformed({ detail: `field ${field || "(top)"}` })
}
