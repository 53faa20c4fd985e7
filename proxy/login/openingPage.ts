import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Not hidden, and not in /tmp: browsers from a snap, as Ubuntu's, can read neither. */
const prefix = "clusterconnect-login-"

/** Until it is disposed of, or the process ends. */
export interface OpeningPage extends Disposable {
  readonly path: string
}

/**
 * A page that sends the browser that opens it on to an address, in a new directory of the user's home that nobody else can enter
 * (0700; the file 0600). Throws when it cannot be written.
 */
export const openingPage = (address: string, home: string): OpeningPage => {
  const directory = mkdtempSync(join(home, prefix))
  const remove = () => rmSync(directory, { recursive: true, force: true })
  process.once("exit", remove)
  const path = join(directory, "login.html")
  const page: OpeningPage = {
    path,
    [Symbol.dispose]: () => {
      process.off("exit", remove)
      remove()
    },
  }
  try {
    writeFileSync(path, content(address), { mode: 0o600, flag: "wx" })
  } catch (error) {
    page[Symbol.dispose]()
    throw error
  }
  return page
}

/** A refresh after 0 s leaves no entry in the browser's history to come back to; some people's browsers do not refresh. */
const content = (address: string) =>
  `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url=${address}"><title>ClusterConnect</title><p><a href="${address}">Log in</a></p>\n`
