import { type KubeconfigDocument, type List, lists } from "./KubeconfigDocument.ts"

type Named = Readonly<Record<List, ReadonlySet<string>>>
type IsOwnUser = (user: Readonly<Record<string, unknown>>) => boolean

/** The prefix makes log redaction and secret scanners recognise it. */
export const credentialPrefix = "ccsession_"

export const isSessionCredential = (token: unknown): token is string =>
  typeof token === "string" && token.startsWith(credentialPrefix)

/** The session credentials in a kubeconfig. */
export const sessionCredentials = (file: KubeconfigDocument): ReadonlySet<string> =>
  new Set(
    file
      .names("users")
      .map((name) => file.content("users", name).token)
      .filter(isSessionCredential),
  )

/**
 * What in a kubeconfig is ours, by its users: these, the contexts that are theirs, and the clusters that no other context needs. Whatever
 * a person added to such a context goes with it.
 */
export const ownNames = (file: KubeconfigDocument, isOwnUser: IsOwnUser): Named => {
  const users = new Set(file.names("users").filter((name) => isOwnUser(file.content("users", name))))
  const text = (name: string, field: "user" | "cluster") => String(file.content("contexts", name)[field] ?? "")
  const contexts = new Set(file.names("contexts").filter((name) => users.has(text(name, "user"))))
  const clustersOf = (names: readonly string[]) => new Set(names.map((name) => text(name, "cluster")))
  const needed = clustersOf(file.names("contexts").filter((name) => !contexts.has(name)))
  const clusters = new Set([...clustersOf([...contexts])].filter((name) => !needed.has(name)))
  return { clusters, users, contexts }
}

/** Whether there is something, and all of it is among these. */
export const holdsOnly = (file: KubeconfigDocument, own: Named): boolean =>
  own.users.size > 0 && lists.every((list) => file.names(list).every((name) => own[list].has(name)))
