import { expect, test } from "bun:test"
import { Schema } from "effect"
import { ClusterConnectSpec } from "./ClusterConnectSpec.ts"
import { defaulting, described, dictionary, flag, integer, list, optional, text } from "./fields.ts"
import { NotStructural, structuralSchema } from "./structuralSchema.ts"

const word = text("A word.", 10)
const wrapped = (field: Schema.Schema.AnyNoContext) => Schema.Struct({ field }).pipe(described("An object."))

test("objects, lists, maps, choices and defaults become structural, with what is required", () => {
  const schema = Schema.Struct({
    words: list("Words.", word, 3, { minimum: 1, listType: "set" }),
    count: defaulting(integer("Count.", 1, 9), 2),
    map: optional(dictionary("Map.", word, 4)),
    on: optional(flag("On or off.")),
  }).pipe(described("All."))
  expect(structuralSchema(schema)).toEqual({
    description: "All.",
    type: "object",
    required: ["words"],
    properties: {
      words: {
        description: "Words.",
        type: "array",
        minItems: 1,
        maxItems: 3,
        "x-kubernetes-list-type": "set",
        items: { description: "A word.", type: "string", minLength: 1, maxLength: 10 },
      },
      count: { description: "Count.", type: "integer", minimum: 1, maximum: 9, default: 2 },
      map: {
        description: "Map.",
        type: "object",
        maxProperties: 4,
        additionalProperties: { description: "A word.", type: "string", minLength: 1, maxLength: 10 },
      },
      on: { description: "On or off.", type: "boolean" },
    },
  })
})

test("a schema with an identifier is inlined where it is used", () => {
  const named = Schema.Struct({ word }).annotations({ identifier: "Named", description: "Named." })
  const schema = Schema.Struct({ a: named, b: named }).pipe(described("Both."))
  expect(JSON.stringify(structuralSchema(schema))).not.toContain("$ref")
  expect(structuralSchema(schema).properties).toHaveProperty("b.properties.word.maxLength", 10)
})

test("null becomes nullable", () => {
  const field = Schema.NullOr(word).annotations({ description: "Maybe a word." })
  expect(structuralSchema(wrapped(field)).properties).toMatchObject({ field: { type: "string", nullable: true } })
})

interface Node {
  readonly next: readonly Node[]
}
const Recursive: Schema.Schema<Node> = Schema.Struct({
  next: Schema.Array(Schema.suspend(() => Recursive)).pipe(Schema.maxItems(2), described("Next.")),
}).pipe(described("Node."))

const unstructural: Readonly<Record<string, Schema.Schema.AnyNoContext>> = {
  "a union of types": Schema.Union(word, Schema.Boolean).annotations({ description: "Either." }),
  "a union of objects": Schema.Union(Schema.Struct({ a: word }), Schema.Struct({ b: word })).annotations({
    description: "Either.",
  }),
  "a tuple": Schema.Tuple(word, word).annotations({ description: "Two." }),
  "unknown content": Schema.Unknown.annotations({ description: "Anything." }),
  "a recursive schema": Recursive,
  "a number among choices": Schema.Literal("a", 1).annotations({ description: "a or 1." }),
  "a refinement without a form": word
    .pipe(Schema.filter((value) => value !== "x"))
    .annotations({ description: "Word." }),
  "a refinement by a keyword that is not structural": word
    .pipe(Schema.filter(() => true, { jsonSchema: { contentEncoding: "base64" } }))
    .annotations({ description: "Word." }),
  "an object with properties and free keys": Schema.Struct(
    { a: word },
    { key: Schema.String, value: Schema.String },
  ).annotations({ description: "Mixed." }),
  "a map whose keys have a pattern": Schema.Record({ key: word, value: word }).annotations({ description: "Map." }),
  "a text without maxLength": Schema.String.annotations({ description: "Text." }),
  "a list without maxItems": Schema.Array(word).annotations({ description: "List." }),
  "a number without bounds": Schema.Int.annotations({ description: "Number." }),
  "a map without maxProperties": Schema.Record({ key: Schema.String, value: word }).annotations({
    description: "Map.",
  }),
  "a field without description": Schema.Boolean.annotations({ description: "" }),
  "an item without maxLength": Schema.Array(Schema.String).pipe(Schema.maxItems(2), described("List.")),
}

test.each(Object.keys(unstructural))("%s is refused, with its path", (name) => {
  expect(() => structuralSchema(wrapped(unstructural[name]!), "spec")).toThrow(NotStructural)
  expect(() => structuralSchema(wrapped(unstructural[name]!), "spec")).toThrow(/^spec\.field/)
})

test("the real spec has no reference and no union but the quantities'", () => {
  const written = JSON.stringify(structuralSchema(ClusterConnectSpec, "spec"))
  for (const keyword of ["$ref", "oneOf", "allOf", '"null"']) expect(written).not.toContain(keyword)
})
