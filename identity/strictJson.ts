/** What is wrong with a JSON text: not JSON, not an object at the top, or a key that occurs twice in one object. */
export type JsonFault = { readonly fault: "syntax" } | { readonly fault: "duplicate"; readonly key: string }

export type JsonObject = { readonly [key: string]: unknown }

/**
 * Parses UTF-8 JSON whose top is an object. Two readers of a text with a repeated key may each see another value
 * (RFC 8259 section 4), so a repeat at any depth is a fault; so are invalid UTF-8 and a byte order mark.
 */
export const parseStrictObject = (bytes: Uint8Array): JsonObject | JsonFaultOf => {
  let text: string
  let value: unknown
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(text)
  } catch {
    return new JsonFaultOf({ fault: "syntax" })
  }
  if (!isObject(value)) return new JsonFaultOf({ fault: "syntax" })
  const key = repeatedKey(text)
  return key === undefined ? value : new JsonFaultOf({ fault: "duplicate", key })
}

/** Carries a fault, distinguishable from every parsed value by instanceof. */
export class JsonFaultOf {
  readonly what: JsonFault
  constructor(what: JsonFault) {
    this.what = what
  }
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** A claim's value; undefined when the object itself does not have it (never what a prototype offers under that name). */
export const ownValue = (object: JsonObject, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined

const string = /"(?:[^"\\]|\\.)*"/y
const colon = /[ \t\r\n]*:/y

/** The first key that occurs twice in one object of a text that JSON.parse has already accepted. */
const repeatedKey = (text: string): string | undefined => {
  const open: Set<string>[] = []
  for (let at = 0; at < text.length; ) {
    const character = text[at]
    if (character === '"') {
      string.lastIndex = at
      const [literal = '"'] = string.exec(text) ?? []
      at += literal.length
      colon.lastIndex = at
      // In valid JSON a string is followed by a colon exactly when it is a key.
      if (!colon.test(text)) continue
      const key = JSON.parse(literal) as string
      const keys = open.at(-1)
      if (keys?.has(key)) return key
      keys?.add(key)
    } else {
      if (character === "{") open.push(new Set())
      else if (character === "}") open.pop()
      at += 1
    }
  }
  return undefined
}
