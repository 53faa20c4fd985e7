import { extensionName, isMarkOf, type KeptMark, keptMark, marked } from "./entryMark.ts"
import { type KubeconfigDocument, type List, lists } from "./KubeconfigDocument.ts"
import { type KubeconfigEntry, partsOf } from "./kubeconfig.ts"

/** What our extension says: whose entry this is, and which context was current before it. */
interface Mark extends KeptMark {
  readonly session: string
  readonly previous?: string
}

/** Names that stand in the file already and are not ours, so that a person must agree before they go. */
export const foreignNames = (file: KubeconfigDocument, entries: readonly KubeconfigEntry[]): readonly string[] =>
  entries
    .filter((entry) =>
      lists.some((list) => {
        if (!file.names(list).includes(entry.name)) return false
        const mark = markOf(file, list, entry.name)
        return mark === undefined || (mark.kept === "true" && !isOwn(mark, entry))
      }),
    )
    .map(({ name }) => name)

const isOwn = (mark: Mark, { credential }: KubeconfigEntry) =>
  typeof credential !== "string" && isMarkOf(mark, credential)

/** Puts the entries in, marked as the session's; the first becomes the current context when `current`. */
export const putEntries = (
  file: KubeconfigDocument,
  entries: readonly KubeconfigEntry[],
  session: string,
  current: boolean,
): void => {
  const names = new Set(entries.map(({ name }) => name))
  // What an earlier process left under these names goes first, and with it its place in the chain of previous contexts.
  takeOut(file, names)
  const previous = file.currentContext
  const before = current && previous !== undefined && !names.has(previous) ? { previous } : {}
  for (const entry of entries) {
    const { credential } = entry
    const mark: Mark = { session, ...before, ...(typeof credential === "string" ? {} : keptMark(credential)) }
    const parts = marked(partsOf(entry), mark)
    for (const list of lists) file.put(list, parts[list])
  }
  if (current) file.currentContext = entries[0]?.name
}

/** Removes the session's entries and nothing else. Says whether there were any. */
export const removeEntries = (file: KubeconfigDocument, session: string): boolean => {
  const names = new Set(
    lists.flatMap((list) => file.names(list).filter((name) => markOf(file, list, name)?.session === session)),
  )
  if (names.size > 0) takeOut(file, names)
  return names.size > 0
}

/** Removes whatever is called so, and names none of it as a context to go back to. */
export const removeNamed = (file: KubeconfigDocument, named: Readonly<Record<List, ReadonlySet<string>>>): void => {
  for (const list of lists) file.remove(list, named[list])
  for (const name of file.names("contexts"))
    if (named.contexts.has(markOf(file, "contexts", name)?.previous ?? ""))
      file.remark(name, extensionName, "previous", undefined)
  if (named.contexts.has(file.currentContext ?? "")) file.currentContext = undefined
}

/** Removes our entries of these names, of whichever session, and closes the chain of previous contexts over the gap. */
const takeOut = (file: KubeconfigDocument, names: ReadonlySet<string>): void => {
  const before = [...names]
    .map((name) => markOf(file, "contexts", name)?.previous)
    .find((name) => name !== undefined && !names.has(name))
  const gone = new Set([...names].filter((name) => markOf(file, "contexts", name) !== undefined))
  const wasCurrent = file.currentContext !== undefined && gone.has(file.currentContext)
  for (const list of lists)
    file.remove(list, new Set([...names].filter((name) => markOf(file, list, name) !== undefined)))
  for (const name of file.names("contexts")) {
    const mark = markOf(file, "contexts", name)
    if (mark?.previous !== undefined && gone.has(mark.previous)) file.remark(name, extensionName, "previous", before)
  }
  if (wasCurrent) file.currentContext = before
}

const markOf = (file: KubeconfigDocument, list: List, name: string): Mark | undefined => {
  const found = file.extension(list, name, extensionName)
  return typeof found === "object" && found !== null && typeof (found as Mark).session === "string"
    ? (found as Mark)
    : undefined
}
