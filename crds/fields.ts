import { Schema } from "effect"

/** A validation rule in the API server's expression language (`x-kubernetes-validations`). */
export interface Rule {
  readonly rule: string
  /** What the user reads: names the field and says what to do. */
  readonly message: string
  /** Path below the annotated schema of the field that is wrong. */
  readonly fieldPath?: string
  /** Not FieldValueDuplicate: the API server drops the message of such a rule. */
  readonly reason?: "FieldValueInvalid" | "FieldValueForbidden" | "FieldValueRequired"
}

/** What OpenAPI or the API server knows of a field and Effect Schema does not. */
export interface Extension {
  readonly rules?: readonly Rule[]
  readonly listType?: "atomic" | "set" | "map"
  readonly listMapKeys?: readonly string[]
  readonly maxProperties?: number
  readonly format?: "date-time"
  /** A quantity or percentage: an integer or a text. */
  readonly intOrString?: { readonly maxLength: number; readonly pattern: string }
}

/** Annotation that carries an {@link Extension}. */
export const extensionId = Symbol.for("clusterconnect/crds/extension")
/** Annotation that carries a field's default as it is written in an object. */
export const defaultId = Symbol.for("clusterconnect/crds/default")

export const extended =
  (extension: Extension) =>
  <A, I>(schema: Schema.Schema<A, I>): Schema.Schema<A, I> =>
    schema.annotations({ [extensionId]: extension })

export const described =
  (description: string) =>
  <A, I>(schema: Schema.Schema<A, I>): Schema.Schema<A, I> =>
    schema.annotations({ description })

/** A text of 1 to `maximum` characters (`minimum: 0` lets it be empty). */
export const text = (description: string, maximum: number, options: { minimum?: number; pattern?: RegExp } = {}) => {
  const { minimum = 1, pattern } = options
  const bounded = Schema.String.pipe(Schema.maxLength(maximum))
  const filled = minimum > 0 ? bounded.pipe(Schema.minLength(minimum)) : bounded
  return (pattern === undefined ? filled : filled.pipe(Schema.pattern(pattern))).annotations({ description })
}

export const integer = (description: string, minimum: number, maximum: number) =>
  Schema.Int.pipe(Schema.between(minimum, maximum)).annotations({ description })

export const flag = (description: string) => Schema.Boolean.annotations({ description })

export const choice = <const Values extends readonly [string, ...string[]]>(description: string, ...values: Values) =>
  Schema.Literal(...values).annotations({ description })

export const list = <A, I>(
  description: string,
  item: Schema.Schema<A, I>,
  maximum: number,
  options: Extension & { readonly minimum?: number } = {},
) => {
  const { minimum = 0, ...extension } = options
  const bounded = Schema.Array(item).pipe(Schema.maxItems(maximum))
  const filled = minimum > 0 ? bounded.pipe(Schema.minItems(minimum)) : bounded
  return filled.annotations({ description, [extensionId]: { listType: "atomic", ...extension } })
}

/** An object with free keys. */
export const dictionary = <A, I>(description: string, value: Schema.Schema<A, I>, maximum: number) =>
  Schema.Record({ key: Schema.String, value }).annotations({
    description,
    [extensionId]: { maxProperties: maximum },
  })

/** A field that may be left out. */
export const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

/** A field that the API server fills in when it is left out; decoding fills it in likewise. `byDefault` is in written form. */
export const defaulting = <A, I>(schema: Schema.Schema<A, I>, byDefault: NoInfer<I>) =>
  Schema.optionalWith(schema.annotations({ [defaultId]: byDefault }), {
    exact: true,
    default: () => Schema.decodeSync(schema)(byDefault),
  })

/** Refuses a field that is declared, but not evaluated: dropping it silently would let people in. */
export const notEvaluated = (field: string, rule = `!has(self.${field})`): Rule => ({
  rule,
  message: `${field} is not evaluated by ClusterConnect; remove it (ignoring it could let people in)`,
  fieldPath: `.${field}`,
  reason: "FieldValueForbidden",
})
