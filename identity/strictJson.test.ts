import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { isObject, JsonFaultOf, ownValue, parseStrictObject } from "./strictJson.ts"

const parse = (text: string) => parseStrictObject(Buffer.from(text))
const faultOf = (text: string | Uint8Array) => {
  const parsed = parseStrictObject(typeof text === "string" ? Buffer.from(text) : text)
  return parsed instanceof JsonFaultOf ? parsed.what : undefined
}

test("every object that JSON.stringify writes is read back the same", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()),
      fc.integer({ min: 0, max: 2 }),
      (object, indent) => {
        const text = JSON.stringify(object, undefined, indent)
        expect(parse(text)).toEqual(JSON.parse(text))
      },
    ),
  )
})

test("a key repeated anywhere in any object is found", () => {
  const level = fc.array(fc.constantFrom('{"a":', "[", '{"b":[1,"}",'), { maxLength: 6 })
  fc.assert(
    fc.property(level, fc.string({ unit: "binary" }), fc.jsonValue(), (openings, key, value) => {
      const name = JSON.stringify(key)
      const inner = `{${name} : ${JSON.stringify(value)}, "other" : 1,\n${name}\t:2}`
      const closings = openings.map((one) => (one === "[" ? "]" : one === '{"a":' ? "}" : "]}")).reverse()
      const text = `{"top":${openings.join("")}${inner}${closings.join("")}}`
      const found = faultOf(text)
      expect(found?.fault).toBe("duplicate")
    }),
  )
})

describe("no duplicate is seen where there is none", () => {
  for (const text of [
    '{"a":{"a":1},"b":{"a":2}}',
    '{"a":["a","a","a"]}',
    '{"a":"b\\":","b":"a"}',
    '{"a":"\\\\","b":1}',
    '{"a":[{"a":1},{"a":1}]}',
    '{"a":"{\\"a\\":1,\\"a\\":2}"}',
    '{"a":1,"A":2}',
  ])
    test(text, () => expect(faultOf(text)).toBeUndefined())
})

describe("a duplicate is a duplicate however it is spelled", () => {
  for (const text of [
    '{"a":1,"\\u0061":2}',
    '{"a" :1,"a"\r\n:2}',
    '{"__proto__":1,"__proto__":2}',
    '{"":1,"":2}',
    '{"\\"":1,"\\u0022":1}',
  ])
    test(text, () => expect(faultOf(text)?.fault).toBe("duplicate"))
})

describe("what is no JSON object is refused", () => {
  for (const text of ["", "[]", "1", '"a"', "null", "{", "{'a':1}", '{"a":1,}', "\u{feff}{}", "{} {}", '{"a":NaN}'])
    test(JSON.stringify(text), () => expect(faultOf(text)).toEqual({ fault: "syntax" }))
  test("invalid UTF-8", () => {
    expect(faultOf(Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]))).toEqual({ fault: "syntax" })
  })
})

test("a value is only what the object itself has", () => {
  const object = parse('{"a":1,"__proto__":{"b":2}}')
  if (!isObject(object)) throw new Error("not parsed")
  expect(ownValue(object, "a")).toBe(1)
  for (const name of ["constructor", "toString", "b", "hasOwnProperty"]) expect(ownValue(object, name)).toBeUndefined()
  expect(ownValue(object, "__proto__")).toEqual({ b: 2 })
})
