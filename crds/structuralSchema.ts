import { SchemaAST as AST, Data, Option, type Schema } from "effect"
import { defaultId, type Extension, extensionId } from "./fields.ts"

/** A schema cannot become a structural schema of the API server. `path` says where, `found` what. */
export class NotStructural extends Data.TaggedError("NotStructural")<{
  readonly path: string
  readonly found: string
}> {
  override get message() {
    return `${this.path}: ${this.found}`
  }
}

/** OpenAPI v3 as the API server accepts it in a CustomResourceDefinition. */
export type StructuralSchema = { readonly [keyword: string]: unknown }

/** Keywords of JSON Schema that refinements may bring along: those that a structural schema knows by the same name. */
const bounds = new Set([
  ...["type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  ...["minLength", "maxLength", "pattern", "minItems", "maxItems"],
])

/**
 * The structural schema of the written form of `schema`: references inlined, null as `nullable`. Throws
 * {@link NotStructural} for what the API server has no word for, and for a field without description or bound.
 */
export const structuralSchema = (schema: Schema.Schema.AnyNoContext, path = ""): StructuralSchema =>
  field(schema.ast, path === "" ? "schema" : path)

/** A schema with its description and bounds checked. */
const field = (ast: AST.AST, path: string): StructuralSchema => {
  const found = converted(ast, path)
  if (typeof found.description !== "string" || found.description.trim() === "") fail(path, "it has no description")
  return found
}

const item = (ast: AST.AST, path: string): StructuralSchema => {
  const found = converted(ast, path)
  return bounded(found, path)
}

const converted = (ast: AST.AST, path: string): StructuralSchema =>
  bounded({ ...node(ast, path), ...extras(ast) }, path)

const node = (ast: AST.AST, path: string): StructuralSchema => {
  switch (ast._tag) {
    case "StringKeyword":
      return { type: "string" }
    case "NumberKeyword":
      return { type: "number" }
    case "BooleanKeyword":
      return { type: "boolean" }
    case "Literal":
      return literals([ast], path)
    case "Union":
      return union(ast, path)
    case "Refinement":
      return refined(ast, path)
    case "Transformation":
      return { ...node(ast.from, path), ...extras(ast.from) }
    case "TypeLiteral":
      return object(ast, path)
    case "TupleType":
      return array(ast, path)
    case "Suspend":
      return fail(path, "a recursive schema cannot be inlined")
    default:
      return fail(path, `${ast._tag} has no structural form`)
  }
}

const refined = (ast: AST.Refinement, path: string): StructuralSchema => {
  const from = { ...node(ast.from, path), ...extras(ast.from) }
  const added = Option.getOrUndefined(AST.getJSONSchemaAnnotation(ast))
  if (added === undefined) return fail(path, "a refinement has no form that the API server could check")
  for (const keyword of Object.keys(added)) if (!bounds.has(keyword)) fail(path, `keyword ${keyword} is not structural`)
  return { ...from, ...added }
}

const object = (ast: AST.TypeLiteral, path: string): StructuralSchema => {
  const [signature, ...others] = ast.indexSignatures
  if (signature !== undefined) {
    if (others.length > 0 || ast.propertySignatures.length > 0)
      fail(path, "properties and additionalProperties exclude each other")
    if (signature.parameter._tag !== "StringKeyword") fail(path, "the keys of a map must be plain strings")
    return { type: "object", additionalProperties: item(signature.type, `${path}.*`) }
  }
  const properties = Object.fromEntries(
    ast.propertySignatures.map(({ name, type }) => [String(name), field(type, `${path}.${String(name)}`)]),
  )
  const required = ast.propertySignatures.filter(({ isOptional }) => !isOptional).map(({ name }) => String(name))
  return { type: "object", ...(required.length > 0 ? { required } : {}), properties }
}

const array = (ast: AST.TupleType, path: string): StructuralSchema => {
  const [rest, ...others] = ast.rest
  if (ast.elements.length > 0 || rest === undefined || others.length > 0)
    return fail(path, "a tuple is not structural: every item must have one schema")
  return { type: "array", items: item(rest.type, `${path}[]`) }
}

const union = (ast: AST.Union, path: string): StructuralSchema => {
  if (extensionOf(ast).intOrString !== undefined) return {}
  const isNull = (type: AST.AST) => type._tag === "Literal" && type.literal === null
  const members = ast.types.filter((type) => !isNull(type))
  const nullable = members.length < ast.types.length ? { nullable: true } : {}
  const [only] = members
  if (only !== undefined && members.length === 1) return { ...node(only, path), ...extras(only), ...nullable }
  if (members.every((type) => type._tag === "Literal")) return { ...literals(members, path), ...nullable }
  return fail(path, "a union of types is not structural")
}

const literals = (members: readonly AST.Literal[], path: string): StructuralSchema => {
  const values = members.map(({ literal }) => literal)
  return values.every((value) => typeof value === "string")
    ? { type: "string", enum: values }
    : fail(path, "only texts can be enumerated")
}

const extensionOf = (ast: AST.AST): Extension =>
  Option.getOrElse(AST.getAnnotation<Extension>(ast, extensionId), () => ({}))

/** What annotations say beyond the type. Effect's own descriptions of its refinements ("a string at most 3 …") are no user's manual. */
const extras = (ast: AST.AST): StructuralSchema => {
  const { rules, listType, listMapKeys, maxProperties, format, intOrString } = extensionOf(ast)
  const description = Option.getOrUndefined(AST.getDescriptionAnnotation(ast))
  const own = description !== undefined && !generatedDescription.test(description)
  return {
    ...(own ? { description } : {}),
    ...(Option.isSome(AST.getAnnotation(ast, defaultId))
      ? { default: Option.getOrThrow(AST.getAnnotation(ast, defaultId)) }
      : {}),
    ...(format === undefined ? {} : { format }),
    ...(maxProperties === undefined ? {} : { maxProperties }),
    ...(listType === undefined ? {} : { "x-kubernetes-list-type": listType }),
    ...(listMapKeys === undefined ? {} : { "x-kubernetes-list-map-keys": listMapKeys }),
    ...(rules === undefined ? {} : { "x-kubernetes-validations": rules }),
    ...(intOrString === undefined
      ? {}
      : { anyOf: [{ type: "integer" }, { type: "string" }], "x-kubernetes-int-or-string": true, ...intOrString }),
  }
}

const generatedDescription = /^(a|an) (string|number|boolean|integer|array|non empty string)\b/

const bounded = (schema: StructuralSchema, path: string): StructuralSchema => {
  const lacks = (keyword: string) => schema[keyword] === undefined
  const timestamp = schema.format === "date-time"
  if (schema.type === "string" && lacks("enum") && lacks("maxLength") && !timestamp) fail(path, "it has no maxLength")
  if (schema.type === "array" && lacks("maxItems")) fail(path, "it has no maxItems")
  if ((schema.type === "integer" || schema.type === "number") && (lacks("minimum") || lacks("maximum")))
    fail(path, "it has no minimum and maximum")
  if (schema.additionalProperties !== undefined && lacks("maxProperties")) fail(path, "it has no maxProperties")
  return schema
}

const fail = (path: string, found: string): never => {
  throw new NotStructural({ path, found })
}
