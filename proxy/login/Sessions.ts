import { readdir, readFile, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Schema } from "effect"
import { FileLock, makePrivateDirectory, writeFileAtomic } from "../../platform/files.ts"
import { LocalFailure, NotAuthenticated } from "../failures.ts"
import type { Keyring } from "./keyring.ts"
import { newSealingKey, seal, unseal } from "./seal.ts"

/** What a login left behind. */
export const Session = Schema.Struct({
  /** Whom the refresh token belongs to: it is never sent anywhere else. */
  issuer: Schema.String,
  clientId: Schema.String,
  subject: Schema.optionalWith(Schema.String, { exact: true }),
  refreshToken: Schema.optionalWith(Schema.String, { exact: true }),
  /** The latest token by audience, so that every start of a program need not spend a refresh token. */
  tokens: Schema.Record({ key: Schema.String, value: Schema.String }),
})
export type Session = typeof Session.Type

/** The text of the file: the session itself, or sealed with a key that the operating system's keyring holds. */
const SessionFile = Schema.Union(
  Schema.Struct({ version: Schema.Literal(1), sealed: Schema.String }),
  Schema.Struct({ version: Schema.Literal(1), session: Session }),
)
const decodeFile = Schema.decodeUnknownSync(SessionFile, { onExcessProperty: "error" })
const decodeSession = Schema.decodeUnknownSync(Session, { onExcessProperty: "error" })

const keyName = "session-key"
const extension = ".json"
/**
 * A refresh is two calls to the identity provider (15 s each), and before them the keyring may ask (20 s): whoever waits behind one of
 * the slowest, and one that is asked nothing, still gets its turn.
 */
const lockMillis = 90_000

/** How a login is kept on disk. */
export type Kept = "sealed" | "plain"

/** A session while nobody else may read or change it. */
export interface HeldSession {
  /** Rejects when it cannot be opened. */
  readonly read: () => Promise<Session | undefined>
  /** Rejects when the file was sealed and cannot be again: it stays as it is. */
  readonly replace: (session: Session) => Promise<Kept>
  readonly remove: () => Promise<void>
}

/**
 * The logins of this user, one per profile, shared by all processes. A file of mode 0600, sealed where there is a keyring: Windows'
 * keeps at most 2,560 bytes and every keyring asks or logs at each use, so it holds one key and the file the rest.
 */
export class Sessions {
  readonly #directory: string
  readonly #keyring: Keyring | undefined

  /** `keyring` undefined: plain 0600 files, because the user said so. */
  constructor(directory: string, keyring: Keyring | undefined) {
    this.#directory = directory
    this.#keyring = keyring
  }

  /** Profiles with a login, whether their settings are still there or not. */
  async profiles(): Promise<readonly string[]> {
    const names = await readdir(this.#directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return []
      throw new LocalFailure({ detail: `${this.#directory} cannot be read (${error.code ?? error.message})` })
    })
    return names.filter((name) => name.endsWith(extension)).map((name) => name.slice(0, -extension.length))
  }

  /** Without the lock: what it says may be outdated at once, which is right for everything but spending the refresh token. */
  async peek(profile: string): Promise<Session | undefined> {
    return (await this.#read(profile))?.session
  }

  /** Runs `body` while no other process of this user reads or changes the session of this profile. */
  async held<A>(profile: string, body: (held: HeldSession) => Promise<A>): Promise<A> {
    await makePrivateDirectory(this.#directory)
    await using _lock = await FileLock.acquire(`${this.#path(profile)}.lock`, { timeoutMillis: lockMillis })
    let opened: Opened | undefined
    return await body({
      read: async () => {
        opened = await this.#read(profile)
        return opened?.session
      },
      replace: (session) => this.#write(profile, session, opened?.key),
      remove: () => this.#remove(profile),
    })
  }

  #path(profile: string): string {
    return join(this.#directory, `${profile}${extension}`)
  }

  async #read(profile: string): Promise<Opened | undefined> {
    const path = this.#path(profile)
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined
      throw new LocalFailure({ detail: `${path} cannot be read (${error.code ?? error.message})` })
    })
    if (text === undefined) return undefined
    const file = attempted(
      () => decodeFile(JSON.parse(text)),
      () => new LocalFailure({ detail: `${path} is not a session of this program: log in again` }),
    )
    if ("session" in file) return { session: file.session, key: undefined }
    const key = await this.#knownKey()
    return attempted(
      () => ({ session: decodeSession(JSON.parse(unseal(key, profile, file.sealed))), key }),
      () => sealedAway("its key in the keyring is another one"),
    )
  }

  async #write(profile: string, session: Session, openedWith: string | undefined): Promise<Kept> {
    await makePrivateDirectory(dirname(this.#path(profile)))
    const key = openedWith ?? (await this.#sealingKey(profile))
    const contents =
      key === undefined ? { version: 1, session } : { version: 1, sealed: seal(key, profile, JSON.stringify(session)) }
    await writeFileAtomic(this.#path(profile), `${JSON.stringify(contents)}\n`)
    return key === undefined ? "plain" : "sealed"
  }

  /** Undefined where there is no keyring. What was sealed does not become plain because the keyring fails once. */
  async #sealingKey(profile: string): Promise<string | undefined> {
    if (this.#keyring === undefined) return undefined
    try {
      return await this.#newKey(this.#keyring)
    } catch {
      if (await this.#isSealed(profile))
        throw sealedAway("a new login would not be sealed any more, because the keyring does not answer or is locked")
      return undefined
    }
  }

  async #isSealed(profile: string): Promise<boolean> {
    const text = await readFile(this.#path(profile), "utf8").catch(() => "")
    try {
      return "sealed" in decodeFile(JSON.parse(text))
    } catch {
      return false
    }
  }

  async #remove(profile: string): Promise<void> {
    await unlink(this.#path(profile)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error
    })
  }

  async #knownKey(): Promise<string> {
    if (this.#keyring === undefined) throw sealedAway("the keyring is switched off")
    const key = await this.#keyring.get(keyName).catch(() => {
      throw sealedAway("the keyring does not answer")
    })
    if (key === undefined) throw sealedAway("the keyring no longer holds its key")
    return key
  }

  /** Two first logins at once may both make a key: what is there after writing is used by both, or the loser logs in again. */
  async #newKey(keyring: Keyring): Promise<string> {
    const known = await keyring.get(keyName)
    if (known !== undefined) return known
    // A locked keyring may say that it holds nothing. A second key in the first one's place would end every login that is kept.
    for (const profile of await this.profiles())
      if (await this.#isSealed(profile)) throw new Error("the keyring does not show the key that it was given")
    await keyring.set(keyName, newSealingKey())
    const kept = await keyring.get(keyName)
    if (kept === undefined) throw new Error("the keyring keeps nothing")
    return kept
  }
}

interface Opened {
  readonly session: Session
  /** What it was sealed with. */
  readonly key: string | undefined
}

const sealedAway = (why: string) =>
  new NotAuthenticated({
    hop: "proxy",
    cause: "SessionSealed",
    detail: `the stored login cannot be opened: ${why}. Unlock the keyring; or give the login up (clusterconnect logout) and log in again`,
  })

const attempted = <A>(body: () => A, otherwise: () => Error): A => {
  try {
    return body()
  } catch {
    throw otherwise()
  }
}
