import { posix, win32 } from "node:path"
import { LocalFailure } from "./failures.ts"

/** Where this installation keeps what it remembers. Both are private to the user (0700). */
export interface Directories {
  /** What a person might want to back up: the known clusters. */
  readonly configuration: string
  /** What can be made again: the local certificate authority, kubeconfig files of running proxies. */
  readonly state: string
}

export interface Machine {
  readonly platform: NodeJS.Platform
  readonly home: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

const name = "clusterconnect"

/**
 * The XDG Base Directory rules, with Library for the defaults on macOS; AppData on Windows. A relative value of an XDG variable is
 * ignored, as the specification demands.
 */
export const directories = ({ platform, home, environment }: Machine): Directories => {
  const path = platform === "win32" ? win32 : posix
  if (!path.isAbsolute(home)) throw new LocalFailure({ detail: "no home directory: set HOME to an absolute path" })
  const from = (variable: string, ...otherwise: readonly string[]) => {
    const value = environment[variable]
    return value !== undefined && path.isAbsolute(value) ? value : path.join(home, ...otherwise)
  }
  if (platform === "win32")
    return {
      configuration: path.join(from("APPDATA", "AppData", "Roaming"), name, "Config"),
      state: path.join(from("LOCALAPPDATA", "AppData", "Local"), name, "Data"),
    }
  if (platform === "darwin")
    return {
      configuration: path.join(from("XDG_CONFIG_HOME", "Library", "Preferences"), name),
      state: path.join(from("XDG_STATE_HOME", "Library", "Application Support"), name),
    }
  return {
    configuration: path.join(from("XDG_CONFIG_HOME", ".config"), name),
    state: path.join(from("XDG_STATE_HOME", ".local", "state"), name),
  }
}
