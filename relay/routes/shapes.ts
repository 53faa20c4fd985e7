import { clusterNamePattern } from "../../protocol/names.ts"
import type { JsonSchema } from "../http/Route.ts"

/** Shapes of the HTTP API for its OpenAPI document. The code reads bodies by the Effect schemas; these describe them to others. */
export const text: JsonSchema = { type: "string" }
export const time: JsonSchema = { type: "string", format: "date-time" }
export const count: JsonSchema = { type: "integer", minimum: 0 }
export const flag: JsonSchema = { type: "boolean" }
export const list = (items: JsonSchema): JsonSchema => ({ type: "array", items })
export const optional = (schema: JsonSchema): JsonSchema => ({ ...schema, "x-optional": true })

/** An object of exactly these fields; those marked {@link optional} may be missing. */
export const object = (properties: Readonly<Record<string, JsonSchema>>): JsonSchema => ({
  type: "object",
  properties: Object.fromEntries(
    Object.entries(properties).map(([name, { "x-optional": _, ...schema }]) => [name, schema]),
  ),
  required: Object.keys(properties).filter((name) => properties[name]?.["x-optional"] !== true),
})

export const clusterName: JsonSchema = { type: "string", pattern: clusterNamePattern.source }
export const pin: JsonSchema = { type: "string", pattern: "^sha256:[0-9a-f]{64}$" }
export const jwk: JsonSchema = object({ kty: { const: "OKP" }, crv: { const: "Ed25519" }, x: text })

const listedKey = object({ identityKey: jwk, identityPin: pin })
export const session = object({
  instance: text,
  sessionKey: text,
  documentSerial: count,
  address: text,
  openedAt: time,
  draining: flag,
  streams: count,
})
export const cluster = object({
  name: clusterName,
  registered: flag,
  revoked: flag,
  identityKey: optional(jwk),
  identityPin: optional(pin),
  serial: optional(count),
  registeredAt: optional(time),
  listedKeys: list(listedKey),
  sessions: list(session),
})
export const joinToken = object({
  id: text,
  cluster: clusterName,
  replaces: flag,
  expiresAt: time,
  spentAt: optional(time),
  spentByPin: optional(pin),
})
export const registrations = object({
  clusters: list(object({ name: clusterName, identityKey: jwk, document: optional(text) })),
})
export const caller = object({ issuer: text, subject: text })
