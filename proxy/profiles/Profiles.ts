import { readFile } from "node:fs/promises"
import { dirname } from "node:path"
import { Either } from "effect"
import { decodeConfiguration } from "../../platform/configuration.ts"
import { makePrivateDirectory, withFileLock, writeFileAtomic } from "../../platform/files.ts"
import { LocalFailure, UsageWrong } from "../failures.ts"
import { type Profile, ProfilesFile } from "./Profile.ts"
import { checkedProfileName } from "./profileName.ts"

export interface NamedProfile {
  readonly name: string
  readonly profile: Profile
}

const empty: ProfilesFile = { version: 1, profiles: {} }

/** The `profiles.json` of the configuration directory. A person may edit it, so what is not understood is an error, by its name. */
export class Profiles {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** @throws {LocalFailure} */
  async all(): Promise<ProfilesFile> {
    const text = await readFile(this.path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined
      throw new LocalFailure({ detail: `${this.path} cannot be read (${error.code ?? error.message})` })
    })
    return text === undefined ? empty : parsed(this.path, text)
  }

  /**
   * The profile of that name; without a name the one for that relay, and without both the current one, or the only one.
   * Undefined when nothing was named and there is none. @throws {UsageWrong}
   */
  async choose(wanted: { readonly name?: string | undefined; readonly relay?: string | undefined }) {
    return chosen(await this.all(), wanted)
  }

  /** Adds or replaces a profile and makes it the current one. `renewed` gets what the file has by then: others write it too. */
  async save(name: string, renewed: (now: Profile | undefined) => Profile): Promise<void> {
    checkedProfileName(name)
    await makePrivateDirectory(dirname(this.path))
    await withFileLock(`${this.path}.lock`, async () => {
      const { profiles } = await this.all()
      const profile = renewed(Object.hasOwn(profiles, name) ? profiles[name] : undefined)
      const file: ProfilesFile = { version: 1, current: name, profiles: { ...profiles, [name]: profile } }
      await writeFileAtomic(this.path, `${JSON.stringify(file, undefined, 2)}\n`)
    })
  }
}

const parsed = (path: string, text: string): ProfilesFile =>
  Either.getOrThrowWith(
    decodeConfiguration(ProfilesFile, text, path),
    ({ message }) => new LocalFailure({ detail: message }),
  ).value

const chosen = (
  file: ProfilesFile,
  { name, relay }: { readonly name?: string | undefined; readonly relay?: string | undefined },
): NamedProfile | undefined => {
  const names = Object.keys(file.profiles)
  const named = (one: string): NamedProfile | undefined => {
    const profile = Object.hasOwn(file.profiles, one) ? file.profiles[one] : undefined
    return profile === undefined ? undefined : { name: one, profile }
  }
  if (name !== undefined) {
    const found = named(name)
    if (found === undefined)
      throw new UsageWrong({
        detail: `there is no profile ${name} (known: ${names.join(", ") || "none"}): make it with clusterconnect login --profile ${name} --relay URL`,
      })
    if (relay !== undefined && found.profile.relay !== relay)
      throw new UsageWrong({ detail: `profile ${name} is for ${found.profile.relay}, not for ${relay}` })
    return found
  }
  if (relay !== undefined) {
    const fitting = names.filter((one) => file.profiles[one]?.relay === relay)
    if (fitting.length > 1 && !fitting.includes(file.current ?? ""))
      throw new UsageWrong({
        detail: `several profiles are for ${relay} (${fitting.join(", ")}): name one with --profile`,
      })
    return named(fitting.includes(file.current ?? "") ? (file.current ?? "") : (fitting[0] ?? ""))
  }
  if (file.current !== undefined && named(file.current) !== undefined) return named(file.current)
  if (names.length > 1)
    throw new UsageWrong({
      detail: `several profiles (${names.join(", ")}): name one with --profile or CLUSTERCONNECT_PROFILE`,
    })
  return named(names[0] ?? "")
}
