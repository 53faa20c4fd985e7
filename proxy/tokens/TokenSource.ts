import { readFileSync, statSync } from "node:fs"
import { NotAuthenticated } from "../failures.ts"

/** Where a token comes from. Asked at every use, so that short-lived tokens can be replaced while the program runs. */
export interface TokenSource {
  /** A token that is good now; it may have to be fetched. Rejects with {@link NotAuthenticated} when there is none. */
  readonly current: () => Promise<string>
  /** For messages: `--token-file PATH`, never the token. */
  readonly described: string
}

/** The source of a cluster's token. Whether the cluster takes the audience it is for is known only from the cluster's document. */
export interface ClusterTokenSource extends TokenSource {
  /** What the token is asked for; undefined where the user brought one, whatever it is for. */
  readonly audience?: string | undefined
  /**
   * Takes the audiences of the verified document, by issuer.
   * @throws {PathFailure} when the document asks for a token that may be good elsewhere
   */
  readonly adopt?: (audiences: Readonly<Record<string, string>>) => void
}

/** A token that was given as such; it cannot be renewed. */
export const fixedToken = (token: string, described: string): TokenSource => ({ current: async () => token, described })

/** A group-heavy token is a few KiB; whatever is larger is not a token file. */
const maxTokenFileBytes = 64 * 1024

/**
 * A file that somebody keeps fresh. Read again whenever it changed. While it is being replaced (absent or empty for a moment) the
 * last token stays.
 */
export const tokenFile = (path: string, hop: "relay" | "auth-proxy", described: string): TokenSource => {
  let seen = ""
  let token = ""
  const unusable = (detail: string) =>
    new NotAuthenticated({ hop, cause: "TokenFileUnusable", detail: `${described}: ${detail}` })
  const current = async () => {
    const stat = attempted(() => statSync(path, { throwIfNoEntry: false }), unusable)
    const version = stat === undefined ? "absent" : `${stat.ino}:${stat.size}:${stat.mtimeMs}`
    if (version === seen && token !== "") return token
    if (stat === undefined) {
      if (token === "") throw unusable("no such file")
      return token
    }
    // What was in a pipe is read; opening it again would wait for a writer that may never come, and every session with it.
    if (stat.isFIFO() && token !== "") return token
    if (!stat.isFile() && !stat.isFIFO()) throw unusable("not a file")
    if (stat.size > maxTokenFileBytes) throw unusable(`larger than ${maxTokenFileBytes} bytes, expected one token`)
    const read = attempted(() => readFileSync(path, "utf8").trim(), unusable)
    if (read === "") {
      if (token === "") throw unusable("it is empty")
      return token
    }
    if (/\s/.test(read)) throw unusable("it holds more than one word, expected one token")
    seen = version
    token = read
    return token
  }
  return { current, described }
}

/** A token that can be read only once, as from standard input (the default): read when it is first asked for. */
export const readOnce = (
  hop: "relay" | "auth-proxy",
  described: string,
  read: () => string = () => readFileSync(0, "utf8"),
): TokenSource => {
  let token: string | undefined
  const unusable = (detail: string) =>
    new NotAuthenticated({ hop, cause: "TokenFileUnusable", detail: `${described}: ${detail}` })
  const current = async () => {
    token ??= attempted(() => read().trim(), unusable)
    if (token === "") throw unusable("it is empty")
    if (/\s/.test(token)) throw unusable("it holds more than one word, expected one token")
    return token
  }
  return { current, described }
}

const attempted = <A>(body: () => A, unusable: (detail: string) => NotAuthenticated): A => {
  try {
    return body()
  } catch (error) {
    throw unusable((error as NodeJS.ErrnoException).code ?? "unreadable")
  }
}
