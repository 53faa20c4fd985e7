import { homedir } from "node:os"
import { join } from "node:path"

/** Where built programs are kept between checkouts: `${XDG_CACHE_HOME:-~/.cache}/clusterconnect`. */
export function cacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment.XDG_CACHE_HOME
  // The XDG base directory specification: a relative path is to be ignored.
  return join(base?.startsWith("/") ? base : join(environment.HOME ?? homedir(), ".cache"), "clusterconnect")
}
