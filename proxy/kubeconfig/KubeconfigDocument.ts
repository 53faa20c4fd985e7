import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parse,
  parseDocument,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from "yaml"
import { LocalFailure } from "../failures.ts"

/** The lists of clientcmd v1 that entries live in. */
export const lists = ["clusters", "users", "contexts"] as const
export type List = (typeof lists)[number]

/** What an item of these lists keeps its content under. */
const contentOf = { clusters: "cluster", users: "user", contexts: "context" } as const

/** A kubeconfig as its owner wrote it: what is not touched keeps its order, comments, quoting and unknown fields. */
export class KubeconfigDocument {
  readonly #document: Document
  readonly #text: string

  /** @throws {LocalFailure} when it cannot be read in a way that loses nothing */
  constructor(path: string, text: string) {
    const refused = (why: string) => new LocalFailure({ detail: `${path} is left as it is: ${why}` })
    this.#text = text
    // Every plain scalar stays the text that it is: 0123 is a number of another size in YAML 1.1, 1.2 and JSON.
    this.#document = parseDocument(text, { schema: "failsafe" })
    const [fault] = this.#document.errors
    if (fault !== undefined) throw refused(`it is not YAML that kubectl could read (${fault.message.split("\n")[0]})`)
    if (text.trim() === "" || this.#document.contents === null || isNothing(this.#document.contents))
      this.#document.contents = this.#document.createNode(empty) as never
    const { contents } = this.#document
    if (!isMap(contents)) throw refused("it is not a kubeconfig")
    for (const list of lists) {
      const value = contents.get(list, true)
      if (value === undefined || (isScalar(value) && /^(null|~)?$/.test(String(value.value ?? "")))) {
        // A comment at an empty list belongs to the file, not to what comes after it.
        const made = this.#document.createNode([])
        if (isScalar(value)) Object.assign(made, { comment: value.comment, commentBefore: value.commentBefore })
        contents.set(list, made)
      } else if (!isSeq(value) || !value.items.every((item) => isMap(item) && typeof item.get("name") === "string"))
        throw refused(`its ${list} are not a list of named entries`)
    }
  }

  get currentContext(): string | undefined {
    const current = this.#map.get("current-context")
    return typeof current === "string" && current !== "" ? current : undefined
  }

  set currentContext(name: string | undefined) {
    if (name !== undefined || this.#map.has("current-context"))
      this.#map.set("current-context", this.#plain(name ?? ""))
  }

  names(list: List): readonly string[] {
    return this.#items(list).map((item) => item.get("name") as string)
  }

  /** What stands under an entry's name; empty where there is none of this name. */
  content(list: List, name: string): Readonly<Record<string, unknown>> {
    const item = this.#items(list).find((one) => one.get("name") === name)
    const content: unknown = item?.toJS(this.#document)?.[contentOf[list]]
    return typeof content === "object" && content !== null ? (content as Record<string, unknown>) : {}
  }

  /** What a named extension of an entry says; undefined when it has none of this name. */
  extension(list: List, name: string, extension: string): unknown {
    const content = this.content(list, name)
    const extensions = Array.isArray(content.extensions) ? content.extensions : []
    return (extensions as { name?: unknown; extension?: unknown }[]).find((one) => one?.name === extension)?.extension
  }

  /** Adds an entry at the end of its list, or in the place of the one with its name. */
  put(list: List, value: { readonly name: string }): void {
    const seq = this.#seq(list)
    const made = this.#plain(value) as YAMLMap
    const at = this.#items(list).findIndex((item) => item.get("name") === value.name)
    if (at < 0) {
      if (seq.items.length === 0) seq.flow = isFlow(this.#map)
      seq.items.push(made)
    } else {
      const before = seq.items[at] as YAMLMap
      made.commentBefore = before.commentBefore ?? null
      made.spaceBefore = before.spaceBefore ?? false
      seq.items[at] = made
    }
  }

  remove(list: List, names: ReadonlySet<string>): void {
    const seq = this.#seq(list)
    seq.items = this.#items(list).filter((item) => !names.has(item.get("name") as string))
    if (seq.items.length === 0) seq.flow = true
  }

  /** Sets or, with undefined, removes one field of a context's named extension. */
  remark(context: string, extension: string, field: string, value: string | undefined): void {
    const at = this.#items("contexts").findIndex((item) => item.get("name") === context)
    const extensions = this.#document.getIn(["contexts", at, "context", "extensions"])
    const index = isSeq(extensions)
      ? extensions.items.findIndex((one) => isMap(one) && one.get("name") === extension)
      : -1
    if (index < 0) return
    const path = ["contexts", at, "context", "extensions", index, "extension", field]
    if (value === undefined) this.#document.deleteIn(path)
    else this.#document.setIn(path, this.#plain(value))
  }

  get isEmpty(): boolean {
    return lists.every((list) => this.#seq(list).items.length === 0)
  }

  toString(): string {
    const json = this.#text.trimStart().startsWith("{")
    const text = this.#document.toString({
      lineWidth: 0,
      indentSeq: /^(clusters|users|contexts):[^\S\n]*\n[^\S\n]+-/m.test(this.#text),
      flowCollectionPadding: !/\{[^\s}]/.test(this.#text) || json,
      ...(json ? { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "QUOTE_DOUBLE" } : {}),
    })
    return this.#text.includes("\r\n") ? text.replaceAll(/\r?\n/g, "\r\n") : text
  }

  /** As plain scalars where every YAML reader takes them for what they are, else quoted. */
  #plain(value: object | string): Node {
    const made = this.#document.createNode(value)
    visit(made, {
      Scalar: (_, scalar) => {
        if (typeof scalar.value !== "string") scalar.value = String(scalar.value)
        else if (!isPlain(scalar.value)) scalar.type = "QUOTE_DOUBLE"
      },
    })
    return made
  }

  get #map(): YAMLMap {
    return this.#document.contents as unknown as YAMLMap
  }

  #seq(list: List): YAMLSeq {
    return this.#map.get(list, true) as unknown as YAMLSeq
  }

  #items(list: List): YAMLMap[] {
    return this.#seq(list).items as YAMLMap[]
  }
}

const isNothing = (node: unknown) => isScalar(node) && node.value === "" && node.type === "PLAIN"

const isPlain = (text: string) => {
  try {
    // Go's reader knows the words of YAML 1.1, and an empty text would be null.
    return text !== "" && parse(text) === text && parse(text, { version: "1.1" }) === text
  } catch {
    return false
  }
}

const isFlow = (map: YAMLMap) => map.flow === true

const empty = { apiVersion: "v1", kind: "Config", preferences: {}, clusters: [], users: [], contexts: [] }
